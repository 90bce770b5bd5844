# frozen_string_literal: true

require "support/integration"

RSpec.describe "Upgrade" do
  request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
  switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

  def echoing_backend(greeting)
    start_backend do |connection|
      connection.read_request
      connection.write greeting
      connection.io.to_io.then { |io| IO.copy_stream(io, io) }
    end
  end

  it "opens a tunnel that carries bytes both ways" do
    backend = echoing_backend(switching)
    address = backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write request
    response = client.read_response
    expect([response.status, response["Upgrade"], response["Connection"].downcase]).to eq([101, "websocket", "upgrade"])
    expect([backend.request["Upgrade"], backend.request["Sec-WebSocket-Key"]]).to eq(%w[websocket k])
    ["\x00\xff\r\n", "second"].each do |bytes|
      client.write bytes.b
      expect(client.read(bytes.bytesize)).to eq(bytes.b)
    end
  end

  it "carries what came right behind both heads" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "#{switching}from the backend"
      connection.write connection.read(15)
    end
    address = backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "#{request}from the client"
    expect(client.read_response.status).to eq(101)
    expect(client.read(16 + 15)).to eq("from the backendfrom the client")
  end

  it "passes on that one side has closed" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write switching
      connection.write "got #{connection.read_to_end}"
    end
    address = backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write request
    client.read_response
    client.write "all"
    client.close_write
    expect(client.read_to_end).to eq("got all")
  end

  it "ends after tunnel_timeout of silence" do
    address = echoing_backend(switching).address
    client = start_proxy { proxy backends: [address], tunnel_timeout: 0.3 }.connect
    client.write request
    client.read_response
    expect(seconds { expect(client).to be_closed }).to be_between(0.2, 3)
  end

  it "outlasts timeout and read_timeout" do
    address = echoing_backend(switching).address
    client = start_proxy { proxy backends: [address], timeout: 0.2, read_timeout: 0.2 }.connect
    client.write request
    client.read_response
    expect(client).to be_silent_for(0.5)
    client.write "still here"
    expect(client.read(10)).to eq("still here")
  end

  it "that the backend refuses leaves the connection to HTTP" do
    backend = start_backend
    address = backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "#{request}GET /after HTTP/1.1\r\nHost: a\r\n\r\n"
    2.times { expect(client.read_response.status).to eq(200) }
    expect(backend.requests.map(&:target)).to eq(["/chat", "/after"])
  end

  it "that nobody asked for is answered 502" do
    address = echoing_backend(switching).address
    expect(start_proxy { proxy backends: [address] }.get.status).to eq(502)
  end

  it "to a protocol that was not asked for is answered 502" do
    address = echoing_backend(switching.sub("websocket", "other")).address
    client = start_proxy { proxy backends: [address] }.connect
    client.write request
    expect(client.read_response.status).to eq(502)
  end
end
