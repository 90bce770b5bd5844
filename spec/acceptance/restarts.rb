# frozen_string_literal: true

require "support/acme"

# A crash loop, as of a container that its supervisor starts again and again.
RSpec.describe "Fifty restarts in a row", :integration, :acme, time_limit: 600 do
  let(:names) { %w[a.example.com b.example.com c.example.com] }

  # Starts it, waits for what the block waits for, and kills it: fifty times.
  def crash(process)
    50.times do |number|
      process.start unless number.zero?
      yield process, number
      process.kill
    end
  end

  it "place one order for each name, however soon the process dies" do
    authority = start_authority(bad_nonces: 20)
    process = start_managed_process(authority, *names)

    crash(process) { |running, _| authority.lead_to(running) && sleep(rand(0.0..0.3)) }
    process.start
    authority.lead_to(process)
    # Attempts that a kill has ended count as failures, whose next attempt is later: a person need not wait for it.
    names.each { |name| process.command("certificates", "renew", name) unless certificate(process, name) }
    names.each { |name| await_certificate(process, name, limit: 60) }

    puts "killed within 0.3 s: #{authority.orders} orders for #{names.size} names, #{authority.pebble.issued} " \
         "certificates, #{authority.pebble.accounts} accounts"
    expect(authority.orders).to eq(names.size)
  end

  it "place one order for each name, whether it is killed or asked to end, at any moment of an order and after it" do
    authority = start_authority(bad_nonces: 20)
    process = start_managed_process(authority, *names)
    ends = Hash.new(0)

    50.times do |number|
      process.start unless number.zero?
      authority.lead_to(process)
      sleep(rand(0.0..2.0))
      how = %i[kill end_itself].sample
      ends[how] += 1
      process.public_send(how)
    end
    process.start
    authority.lead_to(process)
    names.each { |name| process.command("certificates", "renew", name) unless certificate(process, name) }
    names.each { |name| await_certificate(process, name, limit: 60) }

    puts "ended within 2 s (#{ends}): #{authority.orders} orders for #{names.size} names, " \
         "#{authority.pebble.issued} certificates, #{authority.pebble.accounts} accounts"
    expect([authority.orders, authority.pebble.issued]).to eq([names.size, names.size])
  end

  it "ask an authority that has said no once, and not again before its time" do
    authority = start_authority
    front = start_front(authority)
    refusal = AcmeFront.problem(429, "rateLimited", { "Retry-After" => "3600" })
    front.spoil("/order-plz") { |client| client.write refusal }
    process = start_managed_process(authority, "a.example.com", url: front.url)

    crash(process) { |running, number| running.await(/so says the test/) if number.zero? }

    puts "refused: asked #{front.seen("/order-plz").size} times in 50 runs"
    expect(front.seen("/order-plz").size).to eq(1)
  end
end
