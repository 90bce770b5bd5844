# frozen_string_literal: true

require "support/integration"

RSpec.describe "backend_priority ordered" do
  it "sends everything to the first backend while it answers" do
    first = backend_answering("first")
    second = backend_answering("second")
    proxy = start_proxy(to: [first, second], backend_priority: "ordered")
    expect(Array.new(10) { proxy.get.body }.uniq).to eq(["first"])
    expect(second.connections).to eq(0)
  end

  it "fails over to the next when the first stops, and comes back soon after it returns" do
    first = backend_answering("first")
    second = backend_answering("second")
    port = first.port
    proxy = start_proxy(to: [first, second], backend_priority: "ordered")
    client = proxy.connect

    expect(client.get.body).to eq("first")
    first.stop
    expect(client.get.body).to eq("second")
    backend_answering("first again", port: port)
    eventually { expect(client.get.body).to eq("first again") }
    expect(client.get.body).to eq("first again")
  end
end
