# frozen_string_literal: true

require "support/integration"
require "support/rack_server"
require "support/web_socket"

# Connections that Puma hands over.
RSpec.describe "Proxy::Rack::Middleware in Puma", time_limit: 60 do
  def start_rack(rackup, **options)
    inner = '->(env) { [200, { "Content-Type" => "text/plain" }, ["inner ", env["rack.input"].read.to_s]] }'
    started(RackServer.new("require \"proxy\"\n#{rackup}\nrun #{inner}\n", **options))
  end

  def middleware(path, backend, more = "") = "use Proxy::Rack::Middleware, path_prefix: #{path.inspect}, " \
                                             "backends: [#{backend.address.inspect}]#{more}\n"

  it "proxies what a handler takes and leaves the rest to the application, with its body" do
    server = start_rack(middleware("/api", puma, ", strip_prefix: true"))
    client = server.connect

    expect(client.request("POST", "/apix", {}, "hello").body).to eq("inner hello")
    response = client.get("/api/a%20b?x=1")
    expect(response["Connection"]).to eq("close")
    expect(client).to be_closed
    expect(JSON.parse(response.body)).to include("path" => "/a%20b", "query" => "x=1")
  end

  it "tells the backend who asks, and believes no client about it" do
    server = start_rack(middleware("/", puma))
    forged = { "X-Forwarded-For" => "6.6.6.6", "X-Forwarded-Proto" => "https", "X-Real-IP" => "6.6.6.6" }
    headers = JSON.parse(server.connect.get("/", forged).body).fetch("headers")

    expect(headers).to include("x-forwarded-for" => "127.0.0.1", "x-real-ip" => "127.0.0.1",
                               "x-forwarded-proto" => "http", "x-forwarded-host" => "example.test",
                               "x-forwarded-port" => server.url[/\d+\z/])
  end

  it "believes trusted proxies" do
    server = start_rack(middleware("/", puma, ', trusted_proxies: "127.0.0.1"'))
    headers = JSON.parse(server.connect.get("/", "X-Forwarded-For" => "192.0.2.7",
                                                 "X-Forwarded-Proto" => "https").body).fetch("headers")

    expect(headers).to include("x-forwarded-for" => "192.0.2.7, 127.0.0.1", "x-real-ip" => "192.0.2.7",
                               "x-forwarded-proto" => "https")
  end

  it "sends bodies of any size, also those that were chunked" do
    server = start_rack(middleware("/", puma))
    body = SecureRandom.bytes(10 * 1024 * 1024)
    digest = { "size" => body.bytesize, "sha256" => Digest::SHA256.hexdigest(body) }

    expect(JSON.parse(server.connect.request("POST", "/digest", {}, body).body)).to eq(digest)

    client = server.connect
    client.write("POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    expect(client.read_head.status).to eq(100)
    body.each_char.each_slice(1 << 20) { |piece| client.write("#{piece.length.to_s(16)}\r\n#{piece.join}\r\n".b) }
    client.write("0\r\n\r\n")
    expect(JSON.parse(client.read_response.body)).to eq(digest)
  end

  it "passes on responses without a body as they are" do
    server = start_rack(middleware("/", puma))

    [204, 304].each { |code| expect(server.connect.get("/status?code=#{code}").status).to eq(code) }
    head = server.connect.request("HEAD", "/")
    expect([head.status, head["Content-Length"].to_i]).to match([200, be_positive])
  end

  it "carries WebSockets" do
    backend = start_puma(File.expand_path("../support/apps/websocket.ru", __dir__))
    server = start_rack(middleware("/", backend))
    socket = WebSocket.new(server.connect, "/")
    socket.send("hello")

    expect([socket.open?, socket.receive]).to eq([true, "hello"])
  end

  it "passes events on as they come" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n"
      connection.read_head # The client has gone.
    end
    client = start_rack(middleware("/", backend)).connect
    client.send_request("GET", "/")

    expect(client.read_head["Content-Type"]).to eq("text/event-stream")
    expect(client.read_line).to eq("9") if client.read_line == ""
    client.close
  end

  it "ends the backend's work when the client goes" do
    gone = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      gone << (connection.read_head.nil? rescue true)
    end
    client = start_rack(middleware("/", backend)).connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    client.reset

    expect(gone.pop).to be(true)
  end

  it "holds no thread of Puma for downloads" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n#{"x" * 1000}"
      connection.read_head
    end
    server = start_rack(middleware("/file", backend), threads: "3:3")
    downloads = Array.new(100) { server.connect.tap { |client| client.send_request("GET", "/file") } }
    downloads.each { |client| expect(client.read_head.status).to eq(200) }

    expect(Array.new(6) { server.connect.get("/").body }).to all(eq("inner "))
    downloads.each(&:close)
  end

  it "has an engine in each worker of a cluster that preloads the application" do
    server = start_rack(middleware("/api", puma), workers: 2, preload: true)

    bodies = Array.new(20) { JSON.parse(server.connect.get("/api").body).fetch("path") }
    expect(bodies).to all(eq("/api"))
    server.process.signal(:TERM)
    expect(server.process.wait(limit: 20)).to be_success.or(have_attributes(termsig: 15))
  end

  it "finishes requests when Puma stops" do
    go = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      go.pop
      connection.answer("late")
    end
    server = start_rack(middleware("/", backend))
    client = server.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    server.process.signal(:TERM)
    server.process.await_output(/Gracefully stopping/)
    go << true

    expect(client.read_response.body).to eq("late")
    server.process.wait
  end

  it "stands beside another one, and under a mount point" do
    first, second = backend_answering("first"), backend_answering("second")
    server = start_rack(<<~RUBY)
      #{middleware("/a", first)}
      #{middleware("/b", second)}
      map("/mounted") { #{middleware("/mounted/c", second)} run ->(env) { [404, {}, [env["SCRIPT_NAME"]]] } }
    RUBY

    expect(%w[/a /b /mounted/c /mounted/d /c].map { |path| server.connect.get(path).body })
      .to eq(["first", "second", "second", "/mounted", "inner "])
    expect(second.requests.last.target).to eq("/mounted/c")
  end

  it "pleases Rack::Lint, outside and inside" do
    server = start_rack(<<~RUBY)
      use Rack::Lint
      #{middleware("/api", puma)}
      use Rack::Lint
    RUBY

    expect(JSON.parse(server.connect.get("/api").body)).to include("path" => "/api")
    expect(JSON.parse(server.connect.request("POST", "/api", {}, "body").body)).to include("body" => "body")
    expect(server.connect.request("POST", "/", {}, "body").body).to eq("inner body")
  end

  it "serves clients of HTTP/1.0" do
    client = start_rack(middleware("/", puma)).connect
    client.write("GET /stream?n=2 HTTP/1.0\r\nHost: a\r\n\r\n")
    response = client.read_response

    expect([response["Transfer-Encoding"], response.body]).to eq([nil, "piece 0\npiece 1\n"])
  end

  it "refuses a malformed request for its handlers, and leaves others to the application" do
    server = start_rack(middleware("/api", puma))

    expect(server.connect.get("/%00").body).to eq("inner ")
    expect(server.connect.get("/api/%00").status).to eq(400)
  end

  it "works on a unix socket of Puma" do
    server = start_rack(middleware("/api", puma), unix: true)

    expect(JSON.parse(server.connect.get("/api").body)).to include("path" => "/api")
  end
end
