# frozen_string_literal: true

require "support/integration"

RSpec.describe "backend connections" do
  # Answers one request, closes, and tells so.
  def backend_closing_after_each(closed)
    start_backend do |connection|
      connection.read_request
      connection.answer("from connection #{connection.number}")
      connection.close
      closed << true
    end
  end

  it "are used again, by other clients too" do
    backend = start_backend
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    5.times { proxy.get }
    expect(backend.requests.size).to eq(5)
    expect(backend.connections).to eq(1)
  end

  it "that went stale in the pool cost a POST no attempt" do
    closed = Queue.new
    backend = backend_closing_after_each(closed)
    address = backend.address
    proxy = start_proxy { proxy backends: [address], retries: 0 }
    client = proxy.connect
    expect(client.get.body).to eq("from connection 1")
    closed.pop
    response = client.request("POST", "/", {}, "body")
    expect([response.status, response.body]).to eq([200, "from connection 2"])
  end

  it "are not used again when the backend says Connection: close" do
    backend = start_backend { |connection| connection.answer_all("ok", "Connection" => "close") }
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    3.times { expect(proxy.get.status).to eq(200) }
    expect(backend.connections).to eq(3)
  end

  it "are not used again after an HTTP/1.0 response" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
      connection.read_to_end
    end
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    2.times { expect(proxy.get.body).to eq("ok") }
    expect(backend.connections).to eq(2)
  end

  it "are not kept with keepalive: 0" do
    backend = start_backend
    address = backend.address
    proxy = start_proxy { proxy backends: [address], keepalive: 0 }
    3.times { proxy.get }
    expect(backend.connections).to eq(3)
    backend.await_open_connections(0)
  end

  it "are closed after keepalive_timeout" do
    backend = start_backend
    address = backend.address
    proxy = start_proxy { proxy backends: [address], keepalive_timeout: 0.2 }
    proxy.get
    backend.await_open_connections(0)
    expect(proxy.get.status).to eq(200)
    expect(backend.connections).to eq(2)
  end

  it "are lost when the backend sends more than its response, which reaches nobody" do
    sent = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"
      sent << true
      connection.read_request and connection.answer("second on the same connection")
    end
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    client = proxy.connect
    expect(client.get.body).to eq("ok")
    sent.pop
    expect(client.get.body).to eq("ok")
    expect(backend.connections).to eq(2)
  end

  it "are lost when the backend sends anything while idle" do
    idle = Queue.new
    sent = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      connection.answer("clean")
      next connection.read_to_end if connection.number > 1

      idle.pop
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"
      sent << true
      connection.read_to_end
    end
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    client = proxy.connect
    expect(client.get.body).to eq("clean")
    idle << true
    sent.pop
    expect(client.get.body).to eq("clean")
    expect(backend.connections).to eq(2)
  end

  it "are lost when the backend sends a body where none may be" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 204 No Content\r\n\r\nbody"
      connection.read_to_end
    end
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    client = proxy.connect
    2.times { expect(client.get.status).to eq(204) }
    expect(backend.connections).to eq(2)
  end
end
