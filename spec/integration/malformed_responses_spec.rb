# frozen_string_literal: true

require "support/integration"

RSpec.describe "malformed responses" do
  {
    "garbage" => "garbage\r\n\r\n",
    "no status" => "HTTP/1.1\r\n\r\n",
    "a status of two digits" => "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of four digits" => "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "a status that is no number" => "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
    "a status below 100" => "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
    "another protocol" => "ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
    "both Content-Length and Transfer-Encoding" => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two different lengths" => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a malformed length" => "HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nabc",
    "a transfer coding other than chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "white space before a colon" => "HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 0\r\n\r\n",
    "a folded line" => "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a bare CR" => "HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 0\r\n\r\n",
    "a bare LF" => "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a control character" => "HTTP/1.1 200 OK\r\nX-A: b\x01\r\nContent-Length: 0\r\n\r\n",
    "a field without a colon" => "HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 0\r\n\r\n",
    "a 101 nobody asked for" => "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a head that never ends" => "HTTP/1.1 200 OK\r\nX-A: #{'a' * 2_000_000}",
    "a head that ends half-way" => "HTTP/1.1 200 OK\r\nX-A: b\r\n"
  }.each do |what, bytes|
    it "with #{what} are answered 502, and that connection is closed" do
      backend = start_backend do |connection|
        connection.read_request
        connection.write bytes
        connection.close_write if what.include?("half-way")
        connection.read_to_end
      end
      address = backend.address
      client = start_proxy { proxy backends: [address], retries: 0 }.connect
      expect(client.get.status).to eq(502)
      backend.await_open_connections(0)
    end
  end

  {
    "a malformed chunk size" => "3\r\nabc\r\nzz\r\n",
    "no line end after a chunk" => "3\r\nabcX",
    "an end before the last chunk" => "3\r\nabc\r\n",
    "a malformed trailer" => "3\r\nabc\r\n0\r\nX-A : b\r\n\r\n"
  }.each do |what, bytes|
    it "with #{what} are cut short for the client" do
      address = start_backend do |connection|
        connection.read_request
        connection.write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n#{bytes}"
      end.address
      expect { start_proxy { proxy backends: [address] }.get }.to raise_error(Wire::CutShort)
    end
  end

  it "with nothing in them at all are answered 502" do
    address = start_backend(&:read_request).address
    expect(start_proxy { proxy backends: [address] }.get.status).to eq(502)
  end

  it "that are a reset are answered 502" do
    address = start_backend { |connection| connection.read_request && connection.reset }.address
    expect(start_proxy { proxy backends: [address] }.post.status).to eq(502)
  end
end
