# frozen_string_literal: true

require "support/integration"

RSpec.describe "Upgrade over a connection that was kept" do
  request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

  it "goes to a new connection when the kept one turns out to be dead" do
    backend = start_backend do |connection|
      connection.read_request
      if connection.number == 1
        connection.answer("ok")
        connection.read_request
      else
        connection.write "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        connection.read_to_end
      end
    end
    address = backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.get
    client.write request
    expect(client.read_response.status).to eq(101)
    expect(backend.connections).to eq(2)
  end
end
