# frozen_string_literal: true

require "support/integration"

RSpec.describe "malformed requests" do
  chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

  heads = {
    "both Content-Length and Transfer-Encoding" => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two different lengths" => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of different lengths" => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd",
    "a length with a sign" => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    "a negative length" => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "a hexadecimal length" => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
    "an empty length" => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
    "a length beyond 64 bits" => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n",
    "a transfer coding other than chunked" => "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice" => "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a misspelt chunked" => "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "white space before a colon" => "GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n",
    "white space before the first field" => "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "a folded line" => "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
    "a bare CR in a value" => "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n",
    "a bare LF after a field" => "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\nX-B: c\r\n\r\n",
    "a bare LF after the request line" => "GET / HTTP/1.1\nHost: a\r\n\r\n",
    "NUL in a value" => "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n",
    "a control character in a value" => "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x01c\r\n\r\n",
    "a field without a name" => "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "a field without a colon" => "GET / HTTP/1.1\r\nHost: a\r\nX-A\r\n\r\n",
    "a name that is no token" => "GET / HTTP/1.1\r\nHost: a\r\nX(A): b\r\n\r\n",
    "two Host fields" => "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "no Host field" => "GET / HTTP/1.1\r\nX-A: b\r\n\r\n",
    "a Host that is none" => "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a Host with user-info" => "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
    "a method that is no token" => "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no target" => "GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the target" => "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment in the target" => "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target that is no URI" => "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a byte beyond ASCII in the target" => "GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a malformed percent-escape" => "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path that climbs above the root" => "GET /../etc HTTP/1.1\r\nHost: a\r\n\r\n",
    "an encoded path that climbs above the root" => "GET /a/%2e%2e/%2E%2e/etc HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version" => "GET /\r\nHost: a\r\n\r\n",
    "a version that is none" => "GET / HTTX/1.1\r\nHost: a\r\n\r\n",
    "garbage" => "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"
  }

  bodies = {
    "a chunk size that is no number" => "zz\r\nabc\r\n0\r\n\r\n",
    "an empty chunk size" => "\r\nabc\r\n0\r\n\r\n",
    "a negative chunk size" => "-1\r\n\r\n0\r\n\r\n",
    "a chunk size with a prefix" => "0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits" => "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "a bare LF after a chunk size" => "3\nabc\r\n0\r\n\r\n",
    "no line end after a chunk" => "3\r\nabcd\r\n0\r\n\r\n",
    "a bare LF after a chunk" => "3\r\nabc\n0\r\n\r\n",
    "a malformed trailer" => "3\r\nabc\r\n0\r\nX-A : b\r\n\r\n"
  }

  before do
    backend = @backend = start_backend
    @proxy = start_proxy { proxy backends: [backend.address] }
  end

  heads.each do |what, bytes|
    it "with #{what} are answered 400, the connection is closed, and no backend hears of it" do
      client = @proxy.connect
      client.write bytes
      response = client.read_response
      expect(response.status).to eq(400)
      expect(response["Connection"]).to eq("close")
      expect(client).to be_closed
      expect(@backend.connections).to eq(0)
    end
  end

  bodies.each do |what, bytes|
    it "with #{what} are answered 400, the connection is closed, and no backend gets a complete request" do
      client = @proxy.connect
      client.write chunked + bytes
      expect(client.read_response.status).to eq(400)
      expect(client).to be_closed
      @backend.await_open_connections(0)
      expect(@backend.requests.select(&:complete?)).to be_empty
    end
  end

  it "smuggle nothing: what follows a refused request is not read" do
    client = @proxy.connect
    client.write "#{heads['both Content-Length and Transfer-Encoding']}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(client.read_response.status).to eq(400)
    expect(client).to be_closed
    expect(@backend.connections).to eq(0)
  end

  it "of a version beyond 1.1 are answered 505" do
    client = @proxy.connect
    client.write "GET / HTTP/2.0\r\nHost: a\r\n\r\n"
    expect(client.read_response.status).to eq(505).or eq(400)
    expect(client).to be_closed
  end
end
