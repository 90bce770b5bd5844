# frozen_string_literal: true

require "support/integration"

RSpec.describe "what is waited for" do
  it "is the backend while a client waits for 100 Continue: 504 after timeout" do
    backend = start_backend { |connection| connection.read_head && connection.read_to_end }
    address = backend.address
    client = start_proxy { proxy backends: [address], timeout: 0.3 }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    response = nil
    expect(seconds { response = client.read_response }).to be_between(0.25, 3)
    expect(response.status).to eq(504)
  end

  it "is the client once it has been told to go on: 408 after client_body_timeout" do
    backend = start_backend do |connection|
      connection.read_head
      connection.write "HTTP/1.1 100 Continue\r\n\r\n"
      connection.read_to_end
    end
    address = backend.address
    proxy = start_proxy do
      client_body_timeout 0.5
      proxy backends: [address], timeout: 0.2
    end
    client = proxy.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    expect(client.read_head.status).to eq(100)
    expect(client.read_response.status).to eq(408)
  end

  it "is no further piece of the response while the request's body still moves" do
    backend = start_backend do |connection|
      connection.read_head
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
      connection.read(6)
      connection.write "done"
    end
    address = backend.address
    client = start_proxy { proxy backends: [address], read_timeout: 0.5 }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"
    expect(client.read_head.status).to eq(200)
    6.times do
      expect(client).to be_silent_for(0.2)
      client.write "x"
    end
    expect(client.read(4)).to eq("done")
  end

  it "is the rest of the response when neither body moves" do
    backend = start_backend do |connection|
      connection.read_head
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
      connection.read_to_end
    end
    address = backend.address
    client = start_proxy { proxy backends: [address], read_timeout: 0.3 }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nx"
    expect(client.read_head.status).to eq(200)
    expect(seconds { expect(client).to be_closed }).to be_between(0.2, 3)
  end
end
