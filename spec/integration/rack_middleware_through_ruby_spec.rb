# frozen_string_literal: true

require "rack"
require "rack/lint"
require "rack/mock"
require "support/integration"
require "support/rack_server"
require "support/web_socket"

# Responses that pass through Ruby, since the connection cannot be handed over.
RSpec.describe "Proxy::Rack::Middleware through Ruby", time_limit: 60 do
  after { Proxy::Rack.stop(timeout: 0) }

  def application(env) = [200, { "Content-Type" => "text/plain" }, ["inner ", env["rack.input"].read.to_s]]

  # The middleware between two checks, so that both see what Rack demands.
  def stack(backend, **options)
    inner = Rack::Lint.new(method(:application))
    Rack::Lint.new(Proxy::Rack::Middleware.new(inner, path_prefix: "/api", backends: [backend.address], **options))
  end

  def ask(stack, method, path, **env) = Rack::MockRequest.new(stack).request(method, path, env)

  # An environment of a server that cannot hand connections over.
  def env_for(path, **env) = Rack::MockRequest.env_for(path, env.transform_keys(&:to_s))

  it "answers tests that have no server" do
    stack = stack(puma)
    echo = JSON.parse(ask(stack, "POST", "/api/a?x=1", input: "body", "REMOTE_ADDR" => "192.0.2.7").body)

    expect(echo).to include("method" => "POST", "path" => "/api/a", "query" => "x=1", "body" => "body")
    expect(echo["headers"]).to include("x-forwarded-for" => "192.0.2.7", "x-forwarded-proto" => "http")
    expect(ask(stack, "POST", "/", input: "body").body).to eq("inner body")
  end

  it "takes a sender that is no address for an unknown one, as Puma takes it from a header" do
    stack = stack(Peers.puma)
    expect(ask(stack, "GET", "/other", "REMOTE_ADDR" => "\xFF".b).body).to eq("inner ")
    headers = JSON.parse(ask(stack, "GET", "/api", "REMOTE_ADDR" => "\xFF".b).body).fetch("headers")
    expect(headers.keys).not_to include("x-forwarded-for", "x-real-ip")
  end

  it "passes on status, repeated fields and lengths, without those of the connection" do
    backend = start_backend do |connection|
      while connection.read_request
        connection.write "HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: X-Own\r\n" \
                         "X-Own: 1\r\nKeep-Alive: timeout=5\r\nStatus: 201\r\nContent-Length: 2\r\n\r\nok"
      end
    end
    status, headers, body = stack(backend).call(env_for("/api"))

    expect([status, body.enum_for(:each).to_a]).to eq([201, ["ok"]])
    expect(headers).to include("Set-Cookie" => "a=1\nb=2", "Content-Length" => "2")
    expect(headers.keys.map(&:downcase)).not_to include("connection", "x-own", "keep-alive", "status")
    body.close
  end

  it "gives headers the form of Rack 3 where that is loaded" do
    response = Proxy::Rack::Response.new(200, [%w[Set-Cookie a], %w[Set-Cookie b], %w[X-Y z]], nil, nil)
    allow(Proxy::Rack::Head).to receive(:lowercase?).and_return(true)

    expect(response.headers).to eq("set-cookie" => %w[a b], "x-y" => "z")
  end

  it "answers HEAD, 204 and 304 without a body" do
    stack = stack(puma, strip_prefix: true)

    expect(ask(stack, "HEAD", "/api").headers["Content-Length"].to_i).to be_positive
    [204, 304].each { |code| expect(ask(stack, "GET", "/api/status?code=#{code}").status).to eq(code) }
  end

  it "passes on pieces as they come, and tells a response that is cut short" do
    go = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
      go.pop
    end
    _, _, body = stack(backend).call(env_for("/api"))
    pieces = []

    expect { body.each { |piece| pieces << piece; go << true } }.to raise_error(EOFError, /cut short/)
    expect(pieces).to eq(["hello"])
    body.close
  end

  it "ends the backend's work when the body is closed" do
    gone = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"
      gone << (connection.read_to_end == "")
    end
    _, _, body = stack(backend).call(env_for("/api"))
    body.close

    expect(gone.pop).to be(true)
  end

  it "passes on early hints" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
      connection.answer
    end
    hints = []
    env = env_for("/api").merge("rack.early_hints" => ->(headers) { hints << headers["Link"] })

    expect(stack(backend).call(env).first).to eq(200)
    expect(hints).to eq(["</a.css>"])
  end

  # A body that can only be read, as servers have it that do not take it in.
  def unread(body, **env)
    io = StringIO.new(body.b)
    input = Object.new
    input.define_singleton_method(:read) { |*arguments| io.read(*arguments) }
    env_for("/digest", REQUEST_METHOD: "POST", **env).merge("rack.input" => input)
  end

  it "reads bodies that the server has not taken in" do
    body = SecureRandom.bytes(1_000_000)
    [{ CONTENT_LENGTH: body.bytesize.to_s }, { HTTP_TRANSFER_ENCODING: "chunked" }].each do |framing|
      env = unread(body, **framing).tap { |one| one.delete("CONTENT_LENGTH") unless framing.key?(:CONTENT_LENGTH) }
      _, _, answer = Proxy::Rack::Middleware.new(nil, backends: [puma.address]).call(env)

      expect(JSON.parse(answer.enum_for(:each).to_a.join))
        .to eq("size" => body.bytesize, "sha256" => Digest::SHA256.hexdigest(body))
      answer.close
    end
  end

  it "refuses a body of which something above has read a part" do
    backend = start_backend
    [unread("hello", CONTENT_LENGTH: "10"), env_for("/api", REQUEST_METHOD: "POST", input: "hello",
                                                            CONTENT_LENGTH: "10")].each do |env|
      status, = Proxy::Rack::Middleware.new(nil, backends: [backend.address]).call(env)

      expect(status).to eq(400)
      expect(env["rack.errors"].string).to match(/something above has read the body: put the middleware first/)
    end
    expect(backend.requests.select(&:complete?)).to eq([])
  end

  it "raises what the server raises when its client goes during an upload" do
    input = Object.new.tap { |io| io.define_singleton_method(:read) { |*| raise EOFError, "the client has gone" } }
    env = unread("", CONTENT_LENGTH: "10").merge("rack.input" => input)

    expect { Proxy::Rack::Middleware.new(nil, backends: [puma.address]).call(env) }
      .to raise_error(EOFError, "the client has gone")
  end

  it "carries WebSockets in a streaming body, and by a partial hijack" do
    backend = start_puma(File.expand_path("../support/apps/websocket.ru", __dir__))
    middleware = Proxy::Rack::Middleware.new(nil, backends: [backend.address])
    fields = { "HTTP_CONNECTION" => "Upgrade", "HTTP_UPGRADE" => "websocket", "HTTP_SEC_WEBSOCKET_VERSION" => "13",
               "HTTP_SEC_WEBSOCKET_KEY" => SecureRandom.base64(16) }
    [{}, { "rack.hijack?" => true }].each do |server|
      status, headers, body = middleware.call(env_for("/").merge(fields, server))
      expect([status, headers["Upgrade"]]).to eq([101, "websocket"])
      ours, theirs = UNIXSocket.pair
      in_background { (headers["rack.hijack"] || body).call(theirs) }
      ours.write(["8185000000006869212121"].pack("H*")) # "hi!!!", masked with zeros.

      expect(Wire.new(ours).read(7)).to eq("\x81\x05hi!!!".b)
      ours.close
    end
  end

  it "raises with hijack: :require where a connection cannot be handed over" do
    expect { stack(puma, hijack: :require).call(env_for("/api")) }
      .to raise_error(Proxy::Error, /cannot be handed over: the server does not support it/)
  end

  describe "in a Puma with TLS" do
    def start_rack(more = "", **options)
      pair = certs.server("localhost")
      started(RackServer.new(<<~RUBY, tls: [pair.certificate_file, pair.key_file], **options))
        require "proxy"
        use Proxy::Rack::Middleware, path_prefix: "/api", #{more}
        run ->(env) { [200, { "Content-Type" => "text/plain" }, ["inner ", env["rack.input"].read.to_s]] }
      RUBY
    end

    def connect(server)
      tcp = TCPSocket.new("127.0.0.1", URI(server.url).port)
      RawClient.new(OpenSSL::SSL::SSLSocket.new(tcp).tap { |tls| tls.sync_close = true }.connect)
    end

    it "keeps the connection, and tells backends the scheme and the port" do
      server = start_rack("backends: [#{puma.address.inspect}]")
      client = connect(server)

      2.times do
        echo = JSON.parse(client.request("POST", "/api", {}, "body").body)
        expect(echo).to include("body" => "body")
        expect(echo["headers"]).to include("x-forwarded-proto" => "https",
                                           "x-forwarded-port" => URI(server.url).port.to_s)
      end
      expect(client.get("/").body).to eq("inner ")
    end

    it "carries WebSockets without a thread of Puma" do
      backend = start_puma(File.expand_path("../support/apps/websocket.ru", __dir__))
      server = start_rack("backends: [#{backend.address.inspect}]", threads: "1:1")
      socket = WebSocket.new(connect(server), "/api")
      socket.send("hello")

      expect([socket.open?, socket.receive]).to eq([true, "hello"])
      expect(connect(server).get("/").body).to eq("inner ")
      socket.close
    end
  end

  it "lets outer middlewares see responses with hijack: false" do
    server = started(RackServer.new(<<~RUBY))
      require "proxy"
      use Rack::Runtime
      use Proxy::Rack::Middleware, backends: [#{puma.address.inspect}], hijack: false
      run ->(env) { [404, {}, []] }
    RUBY
    client = server.connect

    expect([client.get("/")["X-Runtime"], client.get("/stream?n=1").body]).to match([/\d/, "piece 0\n"])
  end

  it "lets Puma add nothing to a response that is cut short" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n0123456789"
    end
    server = started(RackServer.new(<<~RUBY))
      require "proxy"
      use Proxy::Rack::Middleware, backends: [#{backend.address.inspect}], hijack: false
      run ->(env) { [404, {}, []] }
    RUBY
    client = server.connect
    client.send_request("GET", "/")
    client.read_head

    expect(client.read(10)).to eq("0123456789")
    expect(client).to be_closed
  end
end
