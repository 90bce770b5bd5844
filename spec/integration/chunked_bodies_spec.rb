# frozen_string_literal: true

require "support/integration"

RSpec.describe "chunked bodies" do
  def client_of(&script)
    address = start_backend(&script).address
    start_proxy { proxy backends: [address] }.connect
  end

  it "are passed to the backend, chunk extensions ignored" do
    client = client_of { |connection| connection.answer(connection.read_request.body) }
    client.write "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2;z=\"q\"\r\nde\r\n0\r\n\r\n"
    expect(client.read_response.body).to eq("abcde")
  end

  it "are passed to the client" do
    client = client_of do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
      connection.read_to_end
    end
    expect(client.get.body).to eq("hello world")
  end

  it "leave at once, piece by piece, in both directions" do
    client = client_of do |connection|
      connection.read_head
      connection.write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      3.times do
        piece = connection.read(6)
        connection.write piece
      end
      connection.write "0\r\n\r\n"
      connection.read_to_end
    end
    client.write "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.read_head
    %w[a b c].each do |letter|
      client.write "1\r\n#{letter}\r\n"
      expect(client.read(6)).to eq("1\r\n#{letter}\r\n")
    end
    client.write "0\r\n\r\n"
    expect(client.read(5)).to eq("0\r\n\r\n")
  end

  [[{ request_trailers: true }, [["X-Sum", "6"]]], [{}, []]].each do |options, trailers|
    it "bring a request's trailers to a backend that is said to want them (#{options})" do
      backend = start_backend { |connection| connection.read_request && connection.answer }
      address = backend.address
      client = start_proxy { proxy backends: [address], **options }.connect
      client.write "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"
      client.read_response
      expect([backend.request.trailers, backend.request["Trailer"]]).to eq([trailers, trailers.dig(0, 0)])
    end
  end

  it "bring a response's trailers to the client" do
    client = client_of do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"
    end
    response = client.get("/", "TE" => "trailers", "Connection" => "TE")
    expect([response.body, response.trailers]).to eq(["abc", [["X-Sum", "6"]]])
  end

  it "let no trailer be a field that frames, routes or authorises a message" do
    backend = start_backend { |connection| connection.read_request && connection.answer }
    address = backend.address
    client = start_proxy { proxy backends: [address], request_trailers: true }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\nHost: b\r\nAuthorization: c\r\nX-Sum: 6\r\n\r\n"
    if client.read_response.status == 200
      expect(backend.request.trailers).to eq([["X-Sum", "6"]])
    else
      expect(backend.requests.select(&:complete?)).to be_empty
    end
  end

  it "are made of a response that ends with the connection, so that the client's may stay open" do
    client = client_of do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\n\r\nuntil the end"
    end
    2.times { expect(client.get.body).to eq("until the end") }
  end

  it "come from and go to Puma" do
    address = puma.address
    client = start_proxy { proxy backends: [address] }.connect
    expect(client.get("/stream?n=3").body).to eq("piece 0\npiece 1\npiece 2\n")
    client.write "POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    expect(JSON.parse(client.read_response.body)).to eq("size" => 3, "sha256" => Digest::SHA256.hexdigest("abc"))
  end
end
