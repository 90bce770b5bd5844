# frozen_string_literal: true

require "open3"
require "rack"
require "support/integration"
require "support/web_socket"
require "support/python"

# What the gem rack-conform asks of a server, with Rack::Lint around each application that keeps to the SPEC.
RSpec.describe "run", "with a Rack application" do
  # A proxy that answers with the block.
  def running(lint: true, **options, &app)
    app = Rack::Lint.new(app) if lint
    start_proxy { run app, **options }
  end

  def text(body, headers = {}) = [200, { "Content-Type" => "text/plain", **headers }, body]

  # The environment of a request, as the application sees it.
  def environment(method = "GET", target = "/", headers = {}, **options)
    found = nil
    proxy = running(**options) { |env| (found = env) && text(["ok"]) }
    proxy.request(method, target, headers)
    found
  end

  it "answers with the application's status" do
    proxy = running { |env| [env["PATH_INFO"].delete("/").to_i, { "Content-Type" => "text/plain" }, ["told"]] }
    codes = [200, 201, 302, 404, 422, 503]
    expect(codes.map { |code| proxy.get("/#{code}") }.map { |answer| [answer.status, answer.body] })
      .to eq(codes.map { |code| [code, "told"] })
    bare = running { |env| [env["PATH_INFO"].delete("/").to_i, {}, []] }
    expect([204, 304].map { |code| bare.get("/#{code}").status }).to eq([204, 304])
  end

  it "gives it bodies of every size and framing" do
    proxy = running { |env| text([env["rack.input"].read], "X-Length" => env["CONTENT_LENGTH"].to_s) }
    client = proxy.connect
    [0, 1, 65_536, 65_537, 300_000].each do |size|
      body = Random.new(size).bytes(size)
      chunks = body.scan(/.{1,9000}/mn).map { |part| "#{part.bytesize.to_s(16)}\r\n#{part}\r\n" }
      client.send_request("POST", "/", {}, body)
      client.write "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n#{chunks.join}0\r\n\r\n"
      2.times do
        answer = client.read_response
        expect([answer.status, answer.body == body, answer["X-Length"]]).to eq([200, true, size.to_s])
      end
    end
  end

  it "lets it read a body again, by pieces and by lines" do
    proxy = running do |env|
      input = env["rack.input"]
      found = [input.read(3), input.gets, input.read(2, +""), input.read, input.read(1)]
      input.rewind
      lines = []
      input.each { |line| lines << line.bytesize }
      text([[found.map { |part| part&.bytesize }, lines].inspect])
    end
    [[10, 20], [70_000, 30_000]].each do |first, second|
      body = "#{"a" * (first - 1)}\n#{"b" * second}"
      expect(proxy.post("/", body).body).to eq([[3, first - 3, 2, second - 2, nil], [first, second]].inspect)
    end
  end

  it "shares cookies in both directions" do
    proxy = running(lint: false) do |env|
      cookies = env["QUERY_STRING"] == "lines" ? "a=1\nb=2" : %w[a=1 b=2]
      [200, { "content-type" => "text/plain", "set-cookie" => cookies }.freeze, [env["HTTP_COOKIE"].to_s]]
    end
    answers = %w[/ /?lines].map { |target| proxy.get(target, "Cookie" => ["x=1", "y=2"]) }
    expect(answers.map { |answer| [answer.all("Set-Cookie"), answer.body] }).to eq([[%w[a=1 b=2], "x=1; y=2"]] * 2)
  end

  it "gives it the fields of a request, and what the engine knows of it" do
    env = environment("GET", "/a%20b/c?d=e", { "X-Two" => %w[1 2], "Content-Type" => "text/x", "X_Sly" => "1",
                                               "Host" => "app.test:81", "X-Forwarded-Proto" => "https",
                                               "X-Forwarded-For" => "192.0.2.1" })
    expect(env).to include("REQUEST_METHOD" => "GET", "SCRIPT_NAME" => "", "PATH_INFO" => "/a%20b/c",
                           "QUERY_STRING" => "d=e", "SERVER_NAME" => "app.test", "SERVER_PORT" => "81",
                           "SERVER_PROTOCOL" => "HTTP/1.1", "REMOTE_ADDR" => "127.0.0.1", "rack.url_scheme" => "http",
                           "HTTP_X_TWO" => "1, 2", "CONTENT_TYPE" => "text/x", "HTTP_HOST" => "app.test:81",
                           "REQUEST_URI" => "/a%20b/c?d=e", "HTTP_X_REQUEST_ID" => /\A\h{32}\z/)
    expect(env["HTTP_X_FORWARDED_FOR"]).to eq("127.0.0.1")
    expect(env.keys & %w[HTTP_X_SLY HTTP_CONNECTION HTTP_CONTENT_TYPE HTTP_TRANSFER_ENCODING]).to eq([])
  end

  it "tells it of TLS, of HTTP/2 and of the user, whatever a client writes" do
    pair, found = certs.server("app.test"), []
    tls = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file
      auth_basic credentials: { "ann" => "pw".crypt("$2y$04$abcdefghijklmnopqrstuu") }
      run Rack::Lint.new(->(env) { (found << env) && [200, { "Content-Type" => "text/plain" }, []] })
    end
    options = ["--user", "ann:pw", "-H", "X-Forwarded-Proto: http", "-H", "Host: app.test"]
    %w[--http1.1 --http2].each do |version|
      expect(system("curl", "-sk", "--max-time", "10", version, *options, "#{tls.url}/", out: File::NULL)).to be(true)
    end
    seen = found.map { |env| env.values_at("rack.url_scheme", "REMOTE_USER", "SERVER_PORT", "SERVER_PROTOCOL") }
    expect(seen).to eq([%w[https ann 443 HTTP/1.1], %w[https ann 443 HTTP/2]])
  end

  it "mounts it below a path, as `map` does" do
    expect(environment("GET", "/%61dmin/x?y", path_prefix: "/admin"))
      .to include("SCRIPT_NAME" => "/admin", "PATH_INFO" => "/x", "QUERY_STRING" => "y")
    expect(environment("GET", "/admin", at: "/admin/")).to include("SCRIPT_NAME" => "/admin", "PATH_INFO" => "")
    proxy = start_proxy do
      location "/outer/*" do
        run ->(_) { [200, {}, ["inner"]] }, path_prefix: "/outer/admin"
        static_response body: "other"
      end
    end
    expect(%w[/outer/admin/a /outer/administrator].map { |target| proxy.get(target).body }).to eq(%w[inner other])
  end

  it "runs a config.ru with `map`, and says where it stands" do
    File.write("#{directory}/config.ru", <<~RUBY)
      use Rack::ContentLength
      map("/jobs") { run ->(env) { [200, {}, [env["SCRIPT_NAME"], " ", env["PATH_INFO"]]] } }
      run ->(env) { [200, {}, ["root"]] }
    RUBY
    File.write("#{directory}/Proxyfile", 'run "config.ru", at: "/admin"')
    proxy = start_proxy(file: "#{directory}/Proxyfile")
    expect(%w[/admin/jobs/1 /admin].map { |target| proxy.get(target).body }).to eq(["/admin/jobs /1", "root"])
    expect(proxy.get("/").status).to eq(404)
    expect(proxy.stats[:backends].map { |backend| backend[:address] }).to eq(["config.ru"])
  end

  it "sends the fields of a response, and refuses those that would be two" do
    fields = { "list" => { "x-a" => %w[1 2] }, "text" => { "x-a" => "1\n2" },
               "rack" => { "rack.x" => "1", "x-a" => "1" },
               "split" => { "x-a" => "1\r\nset-cookie: a=b" }, "null" => { "x-a" => "1\0" },
               "name" => { "x a" => "1" } }
    proxy = running(lint: false) { |env| [200, fields.fetch(env["QUERY_STRING"]), ["ok"]] }
    answers = fields.keys.to_h { |kind| [kind, proxy.get("/?#{kind}")] }
    sent = answers.values_at("list", "text", "rack").map { |answer| answer.all("x-a") }
    expect(sent).to eq([%w[1 2], %w[1 2], %w[1]])
    refused = answers.values_at("split", "null", "name")
    expect(refused.map { |answer| [answer.status, answer["set-cookie"], answer["x-a"]] }).to eq([[500, nil, nil]] * 3)
  end

  it "answers HEAD without a body, and sends a length where it can" do
    proxy = running(lint: false) { |_| text(%w[one two]) }
    expect(proxy.get["Content-Length"]).to eq("6")
    client = proxy.connect
    2.times { expect(client.request("HEAD", "/").status).to eq(200) }
  end

  it "streams what `each` gives, piece by piece, and closes the body" do
    gate, closed = Queue.new, Queue.new
    body = Enumerator.new { |pieces| 3.times { |n| pieces << "piece #{n}\n" && gate.pop } }
    body.define_singleton_method(:close) { closed << true }
    client = running { |_| text(body) }.connect
    client.send_request("GET", "/")
    expect(client.read_head.chunked?).to be(true)
    3.times do |n|
      client.read_line
      expect(client.read(10)).to eq("piece #{n}\n\r\n")
      gate << true
    end
    expect(closed.pop).to be(true)
  end

  it "sends bodies of more parts than one system call takes" do
    parts = Array.new(3000) { |n| "#{n}\n" }
    proxy = running(lint: false) do |env|
      streaming = lambda do |stream|
        stream.write(*parts)
        stream.close
      end
      [200, {}, env["PATH_INFO"] == "/stream" ? streaming : parts]
    end
    expect(%w[/ /stream].map { |path| proxy.get(path).body == parts.join }).to eq([true, true])
  end

  it "sends files" do
    File.binwrite("#{directory}/file", Random.new(1).bytes(300_000))
    file = Class.new(SimpleDelegator) { def each = raise("read piece by piece") }.new(File.open("#{directory}/file"))
    answer = running(lint: false) { |_| text(file) }.get
    expect([answer["Content-Length"], answer.body == File.binread("#{directory}/file")]).to eq(["300000", true])
    eventually { expect(file.closed?).to be(true) }
  end

  it "lets a body be the middleware itself" do
    middleware = Class.new do
      def initialize(app) = @app = app
      def call(env) = @app.call(env).then { |status, headers, body| (@body = body) && [status, headers, self] }
      def each(&block) = @body.each(&block)
    end
    proxy = start_proxy { run middleware.new(->(_) { [200, {}, ["inside"]] }) }
    expect(proxy.get.body).to eq("inside")
  end

  it "answers OPTIONS, also of the whole server" do
    proxy = running(lint: false) { |env| text([env["REQUEST_METHOD"], " ", env["PATH_INFO"]]) }
    expect(%w[/ *].map { |target| proxy.request("OPTIONS", target).body }).to eq(["OPTIONS /", "OPTIONS *"])
  end

  it "echoes WebSockets: full hijack" do
    proxy = start_proxy { run File.expand_path("spec/support/apps/websocket.ru"), threads: 1 }
    found = Python.run("websocket_client", proxy.url.sub("http:", "ws:"))
    expect(found).to include(text: "hello", pieces: "in three pieces", pong: true, big: true, closed: [1000, ""])
  end

  it "gives the connection away: partial hijack" do
    proxy = running do |_|
      taken = ->(io) { Thread.new { io.write("mine") && io.close } }
      [200, { "Content-Type" => "text/plain", "rack.hijack" => taken }, []]
    end
    expect(proxy.get.body).to eq("mine")
  end

  it "lets a body of Rack 3 write itself, and read meanwhile" do
    proxy = running(lint: false) do |_|
      echo = lambda do |stream|
        stream << "got " << stream.read.upcase
        stream.write(" and", " more")
        stream.flush
        stream.close
      end
      [200, {}, echo]
    end
    expect(proxy.post("/", "this").body).to eq("got THIS and more")
  end

  it "tunnels through a body of Rack 3, which holds no thread" do
    proxy = running(lint: false, threads: 1) do |env|
      next text(["plain"]) unless env["rack.protocol"] == ["echo"]

      [101, { "rack.protocol" => "echo" }, lambda do |stream|
        while (data = stream.read(100))
          stream.write(data.upcase)
        end
        stream.close
      end]
    end
    tunnel = proxy.connect
    tunnel.send_request("GET", "/", { "Connection" => "Upgrade", "Upgrade" => "echo" })
    expect(tunnel.read_head["Upgrade"]).to eq("echo")
    expect([tunnel.write("abc").read(3), proxy.get.body, tunnel.write("def").read(3)]).to eq(%w[ABC plain DEF])
    tunnel.close_write
    expect(tunnel.closed?).to be(true)
  end

  it "sends early hints before the response" do
    proxy = running(lint: false) do |env|
      env["rack.early_hints"].call("Link" => "</a.css>; rel=preload")
      text(["ok"])
    end
    client = proxy.connect
    client.send_request("GET", "/")
    hints = client.read_response
    expect([hints.status, hints["Link"], client.read_response.body]).to eq([103, "</a.css>; rel=preload", "ok"])
  end

  it "tells those who asked of the end of the response, the last one first" do
    told = Queue.new
    proxy = running(lint: false) do |env|
      2.times do |n|
        env["rack.response_finished"] << ->(_, status, headers, error) { told << [n, status, headers, error&.class] }
      end
      env["PATH_INFO"] == "/raise" ? raise(KeyError, "no") : text(["ok"])
    end
    proxy.get
    expect([told.pop, told.pop]).to eq([1, 0].map { |n| [n, 200, { "Content-Type" => "text/plain" }, nil] })
    expect(proxy.get("/raise").status).to eq(500)
    expect([told.pop, told.pop]).to eq([1, 0].map { |n| [n, nil, nil, KeyError] })
  end

  it "moves large bodies both ways, over HTTP/2 too" do
    proxy = running { |env| text([Digest::SHA256.hexdigest(env["rack.input"].read), "x" * 10_000_000]) }
    body = Random.new(3).bytes(10_000_000)
    %w[--http1.1 --http2-prior-knowledge].each do |version|
      answer, status = Open3.capture2("curl", "-s", "--max-time", "15", version, "--data-binary", "@-", proxy.url,
                                      stdin_data: body, binmode: true)
      digest = Digest::SHA256.hexdigest(body)
      expect([status.success?, answer[0, 64], answer.bytesize]).to eq([true, digest, 10_000_064])
    end
  end
end
