# frozen_string_literal: true

require "support/integration"

RSpec.describe "a message that is cut short" do
  it "by the backend, with a length, is cut short for the client" do
    address = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
    end.address
    expect { start_proxy { proxy backends: [address] }.get }.to raise_error(Wire::CutShort) { |error| expect(error.received).to eq("abc") }
  end

  it "by the backend, chunked, gets no last chunk" do
    address = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    end.address
    client = start_proxy { proxy backends: [address] }.connect
    client.send_request("GET", "/")
    expect(client.read_to_end).to end_with("3\r\nabc\r\n")
  end

  it "by a reset, of a response without a length, is not completed" do
    begun = Queue.new
    address = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\n\r\nabc"
      begun.pop
      connection.reset
    end.address
    client = start_proxy { proxy backends: [address] }.connect
    client.send_request("GET", "/")
    expect(client.read_head.status).to eq(200)
    expect(client.read(8)).to eq("3\r\nabc\r\n")
    begun << true
    expect(client.read_to_end).to be_empty
  end

  it "by the client is cut short for the backend" do
    backend = start_backend
    address = backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"
    backend.await_requests(1)
    client.close
    backend.await_open_connections(0)
    expect(backend.request).not_to be_complete
  end

  it "by the client while the backend is working ends the backend's connection" do
    backend = start_backend { |connection| connection.read_request && connection.read_to_end }
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    client = proxy.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    client.reset
    backend.await_open_connections(0)
    eventually { expect(proxy.stats[:requests][:client_closed]).to eq(1) }
  end
end
