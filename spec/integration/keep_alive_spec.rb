# frozen_string_literal: true

require "support/integration"

RSpec.describe "client connections" do
  before do
    backend = @backend = start_backend { |connection| answer_with_target(connection) }
    @proxy = start_proxy { proxy backends: [backend.address] }
  end

  def answer_with_target(connection)
    while (request = connection.read_request)
      connection.answer("#{request.method_name} #{request.target} #{request.body}")
    end
  end

  it "serve one request after another" do
    client = @proxy.connect
    expect(Array.new(3) { |i| client.get("/#{i}").body }).to eq(["GET /0 ", "GET /1 ", "GET /2 "])
  end

  it "are closed after a response when the client says Connection: close" do
    client = @proxy.connect
    response = client.get("/", "Connection" => "close")
    expect(response["Connection"]).to eq("close")
    expect(client).to be_closed
  end

  it "answer pipelined requests in their order" do
    client = @proxy.connect
    client.write "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" \
                 "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(Array.new(3) { client.read_response.body }).to eq(["GET /1 ", "POST /2 abc", "GET /3 "])
  end

  it "answer the requests pipelined before a malformed one" do
    client = @proxy.connect
    client.write "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"
    expect([client.read_response.body, client.read_response.status]).to eq(["GET /1 ", 400])
    expect(client).to be_closed
  end

  it "take a head that comes one byte at a time" do
    client = @proxy.connect
    "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n".each_char { |byte| client.write byte }
    expect(client.read_response.body).to eq("GET /slow ")
  end

  it "take empty lines before a request line" do
    client = @proxy.connect
    client.write "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(client.read_response.status).to eq(200)
  end

  it "that are half closed after a request still get the answer" do
    client = @proxy.connect
    client.write "GET /half HTTP/1.1\r\nHost: a\r\n\r\n"
    client.close_write
    expect(client.read_response.body).to eq("GET /half ")
  end

  it "may name the target in absolute form, whose host wins over Host" do
    client = @proxy.connect
    client.write "GET http://other.test/a?b HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(client.read_response.body).to eq("GET /a?b ")
    expect(@backend.request["X-Forwarded-Host"]).to eq("other.test")
  end

  it "keep a head's pieces that come in several writes" do
    client = @proxy.connect
    client.write "GET / HTTP/1.1\r\nHo"
    expect(client).to be_silent_for(0.1)
    client.write "st: a\r\nX-Long: #{'v' * 20_000}\r\n\r\n"
    expect(client.read_response.status).to eq(200)
    expect(@backend.request["X-Long"].size).to eq(20_000)
  end
end
