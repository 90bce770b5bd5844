# frozen_string_literal: true

require "support/integration"

RSpec.describe "timeouts" do
  def stalling_backend = start_backend { |connection| connection.read_request && connection.read_to_end }

  it "answers 504 when no response head comes within timeout" do
    proxy = start_proxy(to: stalling_backend, timeout: 0.3)
    response = nil
    expect(seconds { response = proxy.get }).to be_between(0.25, 2)
    expect(response.status).to eq(504)
  end

  it "answers the built-in 504 even if error_response names another built-in one" do
    proxy = start_proxy(to: stalling_backend, timeout: 0.2, error_response: "service_unavailable")
    expect(proxy.get.status).to eq(504)
  end

  it "answers one's own error_response after a timeout" do
    proxy = start_proxy(to: stalling_backend, timeout: 0.2, error_response: { status: 503, plaintext: "later" })
    response = proxy.get
    expect([response.status, response.body]).to eq([503, "later"])
  end

  it "cuts the client off when the response pauses longer than read_timeout" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
      connection.read_to_end
    end
    proxy = start_proxy(to: backend, read_timeout: 0.2)
    expect { proxy.get }.to raise_error(Wire::CutShort) { |error| expect(error.received).to eq("abc") }
    backend.await_open_connections(0)
  end

  it "gives up a connect after connect_timeout and tries the next backend" do
    backends = [silent_backend, backend_answering("second")]
    proxy = start_proxy(to: backends, backend_priority: "ordered", connect_timeout: 0.2)
    body = nil
    expect(seconds { body = proxy.get.body }).to be_between(0.15, 2)
    expect(body).to eq("second")
  end

  it "gives up when a write to the backend makes no progress for write_timeout" do
    reading = Queue.new
    backend = start_backend do |connection|
      connection.read_head
      reading.pop
    end
    proxy = start_proxy(to: backend, write_timeout: 0.3)
    client = proxy.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"
    writer = in_background { loop { client.write("x" * 1_000_000) } }
    expect(client.read_response.status).to eq(504)
    writer.kill
    reading << true
  end
end
