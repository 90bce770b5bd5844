# frozen_string_literal: true

require "support/integration"

RSpec.describe "an HTTP/1.0 client" do
  def client_of(&script)
    address = start_backend(&script).address
    start_proxy { proxy backends: [address] }.connect
  end

  it "gets its connection closed after the response" do
    client = client_of
    client.write "GET / HTTP/1.0\r\nHost: a\r\n\r\n"
    expect(client.read_response.body).to eq("ok")
    expect(client).to be_closed
  end

  it "needs no Host" do
    client = client_of
    client.write "GET / HTTP/1.0\r\n\r\n"
    expect(client.read_response.status).to eq(200)
  end

  it "keeps its connection with Connection: keep-alive" do
    client = client_of
    2.times do
      client.write "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
      response = client.read_response
      expect([response.body, response["Connection"].downcase]).to eq(%w[ok keep-alive])
    end
  end

  it "gets a chunked response without the chunks, ended by the connection's end" do
    client = client_of do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    end
    client.write "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    response = client.read_response
    expect(response.names).not_to include("transfer-encoding")
    expect(response.body).to eq("abcdef")
  end

  it "gets no interim response" do
    client = client_of do |connection|
      connection.read_request
      connection.write "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      connection.answer
    end
    client.write "GET / HTTP/1.0\r\n\r\n"
    expect(client.read_response.status).to eq(200)
  end

  it "is spoken for with HTTP/1.1 to the backend" do
    backend = start_backend
    address = backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "GET / HTTP/1.0\r\n\r\n"
    client.read_response
    expect(backend.request.start_line).to eq("GET / HTTP/1.1")
    expect(backend.request["Via"]).to eq("1.0 proxy").or eq("1.1 proxy")
  end
end
