# frozen_string_literal: true

require "support/integration"

RSpec.describe "200 parallel connections" do
  it "are all kept alive and served by Puma", time_limit: 40 do
    proxy = start_proxy(to: puma, threads: 2)
    clients = Array.new(200) { proxy.connect(limit: 20) }
    3.times do |round|
      clients.each_with_index { |client, i| client.send_request("GET", "/?#{round}-#{i}") }
      answers = clients.map { |client| JSON.parse(client.read_response.body)["query"] }
      expect(answers).to eq(Array.new(200) { |i| "#{round}-#{i}" })
    end
    expect(proxy.stats[:connections]).to include(accepted: 200, active: 200)
    clients.each(&:close)
  end
end
