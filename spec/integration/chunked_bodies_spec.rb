# frozen_string_literal: true

require "support/integration"

RSpec.describe "chunked bodies" do
  it "bring a request's trailers to a backend that is said to want them" do
    backend = start_backend { |connection| connection.read_request && connection.answer }
    client = start_proxy(to: backend, request_trailers: true).connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" \
                 "3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"
    client.read_response
    expect([backend.request.trailers, backend.request["Trailer"]]).to eq([[["X-Sum", "6"]], "X-Sum"])
  end

  it "come from and go to Puma" do
    client = start_proxy(to: puma).connect
    expect(client.get("/stream?n=3").body).to eq("piece 0\npiece 1\npiece 2\n")
    client.write "POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    expect(JSON.parse(client.read_response.body)).to eq("size" => 3, "sha256" => Digest::SHA256.hexdigest("abc"))
  end
end
