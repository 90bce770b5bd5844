# frozen_string_literal: true

require "support/integration"

RSpec.describe "a status that has no class" do
  it "is passed on and counts as an answer" do
    backend = start_backend do |connection|
      connection.read_request
      connection.answer("odd", status: "742 Odd")
    end
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    response = proxy.get
    expect([response.status, response.body]).to eq([742, "odd"])
    eventually { expect(proxy.stats[:requests]).to include(total: 1, in_flight: 0) }
  end
end
