# frozen_string_literal: true

require "support/integration"
require "support/rack_server"
require "support/web_socket"

# Connections that Puma hands over.
RSpec.describe "Proxy::Rack::Middleware in Puma", time_limit: 60 do
  inner = '->(env) { [200, { "Content-Type" => "text/plain" }, ["inner ", env["rack.input"].read.to_s]] }'

  # One Puma for the examples that only ask it. What is below /script goes to a backend of the example.
  before(:context) do
    @folder = Dir.mktmpdir("rack")
    @server = RackServer.new(<<~RUBY, threads: "3:3")
      require "proxy"
      echo = { strip_prefix: true, backends: ["#{Peers.puma.address}"] }
      use Proxy::Rack::Middleware, path_prefix: "/echo", **echo
      use Proxy::Rack::Middleware, path_prefix: "/trusting", trusted_proxies: "127.0.0.1", **echo
      use Proxy::Rack::Middleware, path_prefix: "/script", backends: ["unix:#{@folder}/backend.sock"]
      map("/mounted") do
        use Proxy::Rack::Middleware, path_prefix: "/mounted/script", backends: ["unix:#{@folder}/backend.sock"]
        run ->(env) { [404, {}, [env["SCRIPT_NAME"]]] }
      end
      run #{inner}
    RUBY
  end

  after(:context) do
    @server.stop
    FileUtils.rm_rf(@folder)
  end

  def script(&block) = start_backend(unix: "#{@folder}/backend.sock", &block)

  def ask(method, path, *rest) = @server.connect.request(method, path, *rest)

  define_method(:start_rack) do |rackup, **options|
    started(RackServer.new("require \"proxy\"\n#{rackup}\nrun #{inner}\n", **options))
  end

  def middleware(path, backend) = "use Proxy::Rack::Middleware, path_prefix: #{path.inspect}, " \
                                  "backends: [#{backend.address.inspect}]\n"

  it "proxies what a handler takes and leaves the rest to the application, with its body" do
    client = @server.connect

    expect(client.request("POST", "/echox", {}, "hello").body).to eq("inner hello")
    response = client.get("/echo/a%20b?x=1")
    expect(response["Connection"]).to eq("close")
    expect(client).to be_closed
    expect(JSON.parse(response.body)).to include("path" => "/a%20b", "query" => "x=1")
  end

  it "answers with files that are there and leaves the rest to the application" do
    File.write("#{directory}/a.txt", "from a file")
    server = start_rack("use(Proxy::Rack::Middleware) { static_files root: #{directory.inspect} }\n")
    answers = [%w[GET /a.txt], %w[GET /none.txt], ["POST", "/a.txt", {}, "x"], %w[GET /]].map do |request|
      server.connect.request(*request).body
    end
    expect(answers).to eq(["from a file", "inner ", "inner x", "inner "])
  end

  it "tells the backend who asks, and believes no client about it" do
    forged = { "X-Forwarded-For" => "6.6.6.6", "X-Forwarded-Proto" => "https", "X-Real-IP" => "6.6.6.6" }
    headers = JSON.parse(ask("GET", "/echo", forged).body).fetch("headers")

    expect(headers).to include("x-forwarded-for" => "127.0.0.1", "x-real-ip" => "127.0.0.1",
                               "x-forwarded-proto" => "http", "x-forwarded-host" => "example.test",
                               "x-forwarded-port" => @server.url[/\d+\z/])
  end

  it "believes trusted proxies" do
    told = { "X-Forwarded-For" => "192.0.2.7", "X-Forwarded-Proto" => "https" }
    headers = JSON.parse(ask("GET", "/trusting", told).body).fetch("headers")

    expect(headers).to include("x-forwarded-for" => "192.0.2.7, 127.0.0.1", "x-real-ip" => "192.0.2.7",
                               "x-forwarded-proto" => "https")
  end

  it "sends bodies of any size, also those that were chunked" do
    body = SecureRandom.bytes(10 * 1024 * 1024)
    digest = { "size" => body.bytesize, "sha256" => Digest::SHA256.hexdigest(body) }
    expect(JSON.parse(ask("POST", "/echo/digest", {}, body).body)).to eq(digest)

    client = @server.connect
    client.write("POST /echo/digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" \
                 "Expect: 100-continue\r\n\r\n")
    expect(client.read_head.status).to eq(100)
    10.times { |n| client.write("100000\r\n#{body.byteslice(n << 20, 1 << 20)}\r\n") }
    client.write("0\r\n\r\n")
    expect(JSON.parse(client.read_response.body)).to eq(digest)
  end

  it "passes on responses without a body as they are" do
    [204, 304].each { |code| expect(ask("GET", "/echo/status?code=#{code}").status).to eq(code) }
    head = ask("HEAD", "/echo")

    expect([head.status, head["Content-Length"].to_i]).to match([200, be_positive])
  end

  it "carries WebSockets" do
    backend = start_puma(File.expand_path("../support/apps/websocket.ru", __dir__))
    socket = WebSocket.new(start_rack(middleware("/", backend)).connect, "/")
    socket.send("hello")

    expect([socket.open?, socket.receive]).to eq([true, "hello"])
    socket.close
  end

  it "passes events on as they come" do
    script do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n"
      connection.read_head # Until the client has gone.
    end
    client = @server.connect
    client.send_request("GET", "/script")

    expect(client.read_head["Content-Type"]).to eq("text/event-stream")
    expect(Array.new(2) { client.read_line }).to eq(["9", "data: 1\n\n"])
    client.close
  end

  it "ends the backend's work when the client goes" do
    gone = Queue.new
    backend = script do |connection|
      connection.read_request
      gone << (connection.read_to_end == "")
    end
    client = @server.connect
    client.send_request("GET", "/script")
    backend.await_requests(1)
    client.reset

    expect(gone.pop).to be(true)
  end

  it "holds no thread of Puma for downloads" do
    script do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n#{"x" * 1000}"
      connection.read_head
    end
    downloads = Array.new(100) { @server.connect.tap { |client| client.send_request("GET", "/script") } }
    downloads.each { |client| expect(client.read_head.status).to eq(200) }

    expect(Array.new(6) { ask("GET", "/").body }).to all(eq("inner "))
    downloads.each(&:close)
  end

  it "stands under a mount point" do
    backend = script

    expect(%w[/mounted/script/a /mounted/other].map { |path| ask("GET", path).body }).to eq(["ok", "/mounted"])
    expect(backend.requests.last.target).to eq("/mounted/script/a")
  end

  it "serves clients of HTTP/1.0" do
    client = @server.connect
    client.write("GET /echo/stream?n=2 HTTP/1.0\r\nHost: a\r\n\r\n")
    response = client.read_response

    expect([response["Transfer-Encoding"], response.body]).to eq([nil, "piece 0\npiece 1\n"])
  end

  it "refuses a malformed request for its handlers, and leaves others to the application" do
    expect(ask("GET", "/%00").body).to eq("inner ")
    expect(ask("GET", "/echo/%00").status).to eq(400)
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

  it "pleases Rack::Lint, outside and inside, also on a unix socket of Puma" do
    server = start_rack("use Rack::Lint\n#{middleware("/api", puma)}use Rack::Lint\n", unix: true)

    expect(JSON.parse(server.connect.get("/api").body)).to include("path" => "/api")
    expect(JSON.parse(server.connect.request("POST", "/api", {}, "body").body)).to include("body" => "body")
    expect(server.connect.request("POST", "/", {}, "body").body).to eq("inner body")
  end
end
