# frozen_string_literal: true

require "support/integration"

RSpec.describe "backend_priority round_robin" do
  it "cycles through the backends in the order they are written" do
    proxy = start_proxy(to: %w[a b c].map { |name| backend_answering(name) }, backend_priority: "round_robin")
    client = proxy.connect
    bodies = Array.new(6) { client.get.body }.join
    expect("abcabcab").to include(bodies)
  end

  it "is the default, and counts over all client connections and engine threads together" do
    proxy = start_proxy(to: %w[a b].map { |name| backend_answering(name) }, threads: 2)
    bodies = Array.new(20) { proxy.get.body }
    expect(bodies.tally).to eq("a" => 10, "b" => 10)
  end
end
