# frozen_string_literal: true

require "support/acme"

# Five processes with one folder as their storage, and twenty names.
RSpec.describe "Five instances on one storage", :integration, :acme, time_limit: 300 do
  let(:names) { Array.new(20) { |number| "n#{number}.example.com" } }

  %w[http-01 tls-alpn-01].each do |challenge|
    it "place exactly 20 orders for 20 names, and each answers challenges (#{challenge})" do
      authority = start_authority(bad_nonces: 20)
      instances = Array.new(5) { start_managed_process(authority, *names, acme: { challenge: challenge }) }
      authority.lead_to(*instances)

      serials = instances.map do |instance|
        names.map { |name| await_certificate(instance, name, limit: 180).serial }
      end
      # The door has led each challenge to the next instance, whoever had ordered.
      led = instances.flat_map(&:urls).map { |url| authority.door.connections[url] }.reject(&:zero?)

      puts "#{challenge}: #{authority.orders} orders, #{authority.pebble.issued} certificates, " \
           "#{authority.pebble.accounts} account, challenges answered by #{led}"
      expect(serials.uniq.size).to eq(1)
      expect([authority.orders, authority.pebble.issued, authority.pebble.accounts]).to eq([20, 20, 1])
      expect(led.size).to eq(5)
    end
  end
end
