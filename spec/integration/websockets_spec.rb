# frozen_string_literal: true

require "support/integration"
require "support/python"

RSpec.describe "WebSockets of Python, to a Puma whose application hijacks" do
  before(:all) { @backend = PumaBackend.new(File.expand_path("../support/apps/websocket.ru", __dir__)) }
  after(:all) { @backend.stop }

  def proxy
    @proxy ||= start_proxy(to: @backend)
  end

  def url = proxy.url.sub("http:", "ws:")

  def tunnels = proxy.stats[:requests].values_at(:upgraded, :tunnels)

  it "carry messages of every size, pings and closes" do
    found = Python.run("websocket_client", url)
    expect(found).to include(text: "hello", pieces: "in three pieces", pong: true, big: true, in_order: true)
    expect(found[:ping_seconds]).to be < 1
    expect(found.values_at(:closed, :server_closed)).to eq([[1000, ""], [4000, "done"]])
    eventually { expect(tunnels).to eq([2, 0]) }
  end

  it "are counted while they last, and told that the server goes away when it stops" do
    client = ChildProcess.new(*Python.command("websocket_client"), url, "stay")
    client.await_output(/connected/)
    expect(tunnels).to eq([1, 1])
    # Half of it is for the answer.
    expect(seconds { expect(proxy.server.stop(timeout: 0.6)).to be(true) }).to be_between(0.25, 3)
    client.await_output(/"code": 1001/)
    expect(client.wait).to be_success
    expect(tunnels).to eq([1, 0])
    expect(proxy.stats[:cut]).to eq(requests: 0, tunnels: 1, event_streams: 0)
  ensure
    client&.stop
  end
end
