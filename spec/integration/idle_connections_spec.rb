# frozen_string_literal: true

require "support/integration"

RSpec.describe "an empty line behind a request" do
  def start_limited(**settings)
    start_proxy do
      settings.each { |name, value| public_send(name, value) }
      static_response body: "ok"
    end
  end

  it "leaves the connection idle: it is closed without an answer" do
    client = start_limited(client_header_timeout: 0.2, keepalive_timeout: 0.5).connect
    client.get
    client.write "\r\n"
    expect(seconds { expect(client.read_to_end).to eq("") }).to be_between(0.4, 3)
  end

  it "does not make the end of the server wait" do
    proxy = start_limited
    client = proxy.connect
    client.get
    client.write "\r\n"
    proxy.get
    expect(seconds { expect(proxy.server.stop(timeout: 10)).to be(true) }).to be < 5
  end

  it "is skipped before the next request" do
    client = start_limited.connect
    2.times do
      expect(client.get.body).to eq("ok")
      client.write "\r\n"
    end
  end
end
