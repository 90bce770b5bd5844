# frozen_string_literal: true

require "support/integration"

RSpec.describe "retrying" do
  # Reads each request in whole and closes without an answer.
  def closing_backend = start_backend(&:read_request)

  def self.idempotent = %w[GET HEAD OPTIONS TRACE PUT DELETE]

  idempotent.each do |method|
    it "sends #{method} to the next backend when the first closes before a response" do
      first = closing_backend
      second = backend_answering("second")
      addresses = [first, second].map(&:address)
      proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered" }
      expect(proxy.request(method).status).to eq(200)
      expect([first.requests.size, second.requests.size]).to eq([1, 1])
    end
  end

  it "takes any number as the number of retries" do
    addresses = [refusing_backend, backend_answering("second")].map(&:address)
    proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered", retries: 2**32 }
    expect(proxy.get.body).to eq("second")
  end

  %w[POST PATCH PURGE].each do |method|
    it "never sends #{method} again once a byte of it was written" do
      first = closing_backend
      second = backend_answering("second")
      addresses = [first, second].map(&:address)
      proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered" }
      expect(proxy.request(method, "/", {}, "body").status).to eq(502)
      expect([first.requests.size, second.requests.size]).to eq([1, 0])
    end
  end

  it "moves a POST on when the connection cannot be made" do
    second = backend_answering("second")
    addresses = [refusing_backend.address, second.address]
    proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered" }
    expect(proxy.post("/", "the body").body).to eq("second")
    expect(second.request.body).to eq("the body")
  end

  it "replays the body of a PUT" do
    second = backend_answering("second")
    addresses = [closing_backend.address, second.address]
    proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered" }
    body = "x" * 100_000
    expect(proxy.request("PUT", "/", {}, body).body).to eq("second")
    expect(second.request.body).to eq(body)
  end

  it "does not replay a body longer than retry_buffer" do
    second = backend_answering("second")
    addresses = [closing_backend.address, second.address]
    proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered", retry_buffer: 1000 }
    expect(proxy.request("PUT", "/", {}, "x" * 50_000).status).to eq(502)
    expect(second.requests).to be_empty
  end

  it "tries again on the same backend when there is no other" do
    backend = start_backend do |connection|
      connection.read_request
      connection.answer("second try") if connection.number == 2
    end
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    expect(proxy.get.body).to eq("second try")
  end

  it "makes as many further attempts as there are backends, then answers 502" do
    backends = Array.new(2) { closing_backend }
    addresses = backends.map(&:address)
    proxy = start_proxy { proxy backends: addresses }
    expect(proxy.get.status).to eq(502)
    expect(backends.sum { |backend| backend.requests.size }).to eq(3)
  end

  it "makes no further attempt with retries: 0" do
    first = closing_backend
    second = backend_answering("second")
    addresses = [first, second].map(&:address)
    proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered", retries: 0 }
    expect(proxy.get.status).to eq(502)
    expect(second.connections).to eq(0)
  end

  it "does not try again after a malformed response" do
    first = start_backend do |connection|
      connection.read_request
      connection.write "garbage\r\n\r\n"
    end
    second = backend_answering("second")
    addresses = [first, second].map(&:address)
    proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered" }
    expect(proxy.get.status).to eq(502)
    expect(second.connections).to eq(0)
  end

  it "does not try again once a response has begun" do
    first = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive."
    end
    second = backend_answering("second")
    addresses = [first, second].map(&:address)
    proxy = start_proxy { proxy backends: addresses, backend_priority: "ordered" }
    expect { proxy.get }.to raise_error(Wire::CutShort)
    expect(second.connections).to eq(0)
  end
end
