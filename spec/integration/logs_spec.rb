# frozen_string_literal: true

require "socket"
require "support/integration"
require "time"

RSpec.describe "what is logged" do
  # A proxy that logs into a file, with these arguments of `access_log`.
  def start_logged(*format, **options, &configuration)
    file = options.fetch(:to) { options[:to] = File.join(directory, "access.log") }
    @file = file
    start_proxy do
      access_log(*format, **options)
      instance_exec(&configuration)
    end
  end

  # The lines of the log, when the proxy has stopped.
  def lines_of(proxy)
    proxy.server.stop(timeout: 2)
    File.readlines(@file, chomp: true)
  end

  def entries_of(proxy) = lines_of(proxy).map { |line| JSON.parse(line) }

  # A daemon that receives datagrams.
  def start_daemon(path)
    Socket.new(:UNIX, :DGRAM).tap { |socket| socket.bind(Addrinfo.unix(path, :DGRAM)) }
  end

  it "has the name of the location, and the upstream" do
    address = start_backend.address
    proxy = start_logged("json") do
      upstream("app", backends: [address])
      location("/users/:id") { proxy to: "http://app{path}{query}" }
      location("/v1/*", name: "old") { static_response body: "old" }
      static_response body: "ok"
    end
    %w[/users/7 /v1/a /].each { |path| proxy.get(path) }
    facts = entries_of(proxy).map { |entry| entry.values_at("route", "upstream", "reason") }
    expect(facts).to eq([["/users/:id", "app", nil], ["old", nil, nil], ["/*", nil, nil]])
  end

  it "has the chosen fields of a json line, in their usual order" do
    proxy = start_logged("json", fields: %w[status path time]) { static_response body: "ok" }
    proxy.get("/a")
    expect(entries_of(proxy)).to match([{ "time" => String, "path" => "/a", "status" => 200 }])
  end

  it "says which fields there are, if one is unknown" do
    expect { start_logged("json", fields: %w[stauts]) { static_response body: "ok" } }
      .to raise_error(Proxy::ConfigurationError, /access_log: fields: "stauts" is not a field \(did you mean status\?/)
    expect { start_logged("combined", fields: %w[status]) { static_response body: "ok" } }
      .to raise_error(Proxy::ConfigurationError, /access_log: fields: is for "json" alone/)
  end

  it "has no values of secret parameters, in any format" do
    { "json" => "x=1&Token=…&api%5Fkey=…&k=…", "combined" => "GET /a?x=1&Token=…&api%5Fkey=…&k=… HTTP/1.1",
      "{path_and_query} {Referer}" => "/a?x=1&Token=…&api%5Fkey=…&k=… http://r.test/?code=…" }.each do |format, shown|
      proxy = start_logged(format, redact: ["K"]) { static_response body: "ok" }
      proxy.get("/a?x=1&Token=hush&api%5Fkey=hush&k=hush", "Referer" => "http://r.test/?code=hush")
      line = lines_of(proxy).last
      expect(line).to include(shown)
      expect(line).not_to include("hush")
    end
  end

  it "shows all parameters but keys, if that is written" do
    proxy = start_logged("{query}", redact: []) do
      location("/*") do
        auth_api_key keys: ["8f2c61d07b3e"], query: "Door"
        static_response body: "ok"
      end
    end
    expect(proxy.get("/?token=a&Door=8f2c61d07b3e").status).to eq(200)
    expect(lines_of(proxy)).to eq(["?token=a&Door=…"])
  end

  it "hides them in lines of log_requests too" do
    process = start_proxy_process(<<~RUBY)
      location "/*" do
        log_requests before: "came {path}{query}", after: "went {path}{query}"
        static_response body: "ok"
      end
    RUBY
    process.get("/a?password=hush&b=1")
    %w[came went].each { |word| process.process.await_output(Regexp.new("#{word} /a\\?password=…&b=1$".b)) }
  end

  it "samples, keeps what failed or was slow, and says for how many a line stands" do
    proxy = start_logged("json", sample: 0.25, keep: { status: 500.. }, exclude: ["/up"]) do
      location("/broken") { static_response code: 503 }
      static_response body: "ok"
    end
    client = proxy.connect
    400.times { client.get("/") }
    20.times { client.get("/broken") }
    20.times { client.get("/up") }
    entries = entries_of(proxy)
    broken, others = entries.partition { |entry| entry["status"] == 503 }
    expect(broken.map { |entry| entry["sample_rate"] }).to eq([1] * 20)
    # So many of 400 fall outside of that in one run of a million.
    expect(others.length).to be_between(57, 143)
    expect(others.map { |entry| entry.values_at("path", "sample_rate") }.uniq).to eq([["/", 0.25]])
  end

  it "goes to a syslog daemon, which may be started again" do
    path = File.join(directory, "log")
    daemon = start_daemon(path)
    proxy = start_logged("json", to: "syslog:unixgram:#{path}") { static_response body: "ok" }
    proxy.get("/one")
    message = Timeout.timeout(10) { daemon.recv(65_536) }
    head, json = message.match(/\A(<190>1 \S+ \S+ proxy #{Process.pid} access -) (\{.*\})\z/m).captures
    expect(Time.iso8601(head.split[1])).to be_within(60).of(Time.now)
    expect(JSON.parse(json)).to include("path" => "/one", "status" => 200)
    daemon.close
    File.delete(path)
    daemon = start_daemon(path)
    proxy.get("/two")
    expect(Timeout.timeout(10) { daemon.recv(65_536) }).to include('"path":"/two"')
    daemon.close
  end

  it "does not wait for a syslog daemon that is missing or does not read" do
    path = File.join(directory, "log")
    proxy = start_logged("{path}", to: "syslog:unixgram:#{path}") { static_response body: "ok" }
    expect(proxy.get.status).to eq(200)
    daemon = start_daemon(path)
    client = proxy.connect
    5_000.times { client.get }
    expect(seconds { proxy.server.stop(timeout: 5) }).to be < 5
    daemon.close
  end

  it "does not wait for a pipe that nobody reads, and tells of the lines that are lost" do
    path = File.join(directory, "pipe")
    File.mkfifo(path)
    proxy = start_logged("{path} #{"x" * 2_000}", to: path) { static_response body: "ok" }
    client = proxy.connect
    4_000.times { client.get }
    reader = File.open(path, "r")
    lost = Timeout.timeout(20) do
      client.get
      reader.each_line.find { |line| line.start_with?("#") }
    end
    expect(lost).to match(/lines lost because the log could not be written fast enough: \d+/)
    reader.close
  end

  it "does not stop at a full disk" do
    proxy = start_logged("json", to: "/dev/full") { static_response body: "ok" }
    client = proxy.connect
    2_000.times { expect(client.get.status).to eq(200) }
  end

  describe "to one who watches" do
    # The access lines that come over the control socket, as they come.
    def watch(query)
      path = File.join(directory, "control.sock")
      client = UNIXSocket.new(path)
      client.write("GET /events?#{query} HTTP/1.1\r\nHost: localhost\r\n\r\n")
      expect(client.gets).to start_with("HTTP/1.1 200 ")
      # The stream has begun, and with it the watch.
      loop { break if client.gets&.include?("event: figures") }
      lines = Enumerator.new do |found|
        loop do
          next unless client.gets("\n") == "event: log\n"

          found << JSON.parse(client.gets[/data: (.*)/, 1])
        end
      end
      [client, lines]
    end

    it "shows the lines that are wanted, without an access log" do
      socket = File.join(directory, "control.sock")
      proxy = start_proxy do
        control "unix:#{socket}"
        location("/api/broken") { static_response code: 503 }
        static_response body: "ok"
      end
      client, lines = watch("log=1&status=5xx&path=/api")
      proxy.get("/api")
      proxy.get("/api/broken?token=hush")
      entry = Timeout.timeout(10) { lines.next }
      expect(entry).to include("path" => "/api/broken", "status" => 503, "query" => "token=…", "route" => "/api/broken")
      client.close
    end

    it "says what is wrong with a condition" do
      socket = File.join(directory, "control.sock")
      start_proxy do
        control "unix:#{socket}"
        static_response body: "ok"
      end
      { "log=1&status=abc" => "status: \"abc\" is no status", "log=1&stauts=5xx" => "\"stauts\" is unknown",
        "status=5xx" => "the conditions are for access lines" }.each do |query, message|
        answer = RawClient.request("unix://#{socket}", "GET", "/events?#{query}", "Host" => "localhost")
        expect(answer.status).to eq(400)
        expect(JSON.parse(answer.body)["error"]).to start_with(message)
      end
    end
  end

  it "is described in docs/logs.md, with every field and every reason" do
    page = File.read("docs/logs.md")
    table = ->(heading) { page[/^\| #{heading} \|.*?\n\n/m].scan(/^\| (.*?) \|/).flatten.join.scan(/`(\w+)`/).flatten }
    engine = ->(file, name) { File.read("ext/engine/src/#{file}.rs")[/^#{name}! \{.*?^\}/m].scan(/= "(\w+)"/).flatten }
    expect(table["field"]).to eq(engine["access_log/json", "json_fields"])
    expect(table["reason"]).to eq(engine["error/end_reason", "end_reasons"])
  end
end
