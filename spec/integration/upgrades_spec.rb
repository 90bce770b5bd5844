# frozen_string_literal: true

require "support/integration"

RSpec.describe "Upgrade" do
  request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
  switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

  it "ends after tunnel_timeout of silence" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write switching
      connection.read_to_end
    end
    client = start_proxy(to: backend, tunnel_timeout: 0.3).connect
    client.write request
    client.read_response
    expect(seconds { expect(client).to be_closed }).to be_between(0.2, 3)
  end
end
