# frozen_string_literal: true

require "support/integration"
require "support/puma_with_plugin"
require "support/tls_client"
require "support/free_ports"

# What may stand in config/puma.rb, and what the front then does.
RSpec.describe "plugin :proxy", time_limit: 30 do
  def start_puma_with(config, *arguments, **options)
    started(PumaWithPlugin.new(config, directory, *arguments, **options)).await
  end

  # Runs a Puma that must not start, and returns its output.
  def refused(config)
    puma = started(PumaWithPlugin.new(config, directory))
    status = puma.process.wait
    expect(status.exitstatus).to eq(1), puma.process.output
    puma.process.output
  end

  it "takes one handler by `proxy to:`, and gives Puma the rest" do
    backend = backend_answering("the other")
    puma = start_puma_with(<<~RUBY)
      bind "tcp://127.0.0.1:0"
      proxy to: "http://#{backend.address}{path}{query}", path_prefix: "/other"
    RUBY

    expect([puma.get("/other").body, puma.get("/pid").body]).to eq(["the other", puma.pid.to_s])
  end

  it "takes the words of a Proxyfile, in whose blocks they are the proxy's even if Puma has one of that name" do
    puma = start_puma_with(<<~RUBY)
      bind "tcp://127.0.0.1:0"
      name = "/fixed"
      location(name) do
        log_requests before: "asked for {path}", after: "done"
        static_response body: "fixed"
      end
      response_headers additions: { "X-Front" => "yes" }
    RUBY

    expect([puma.get("/fixed").body, puma.get("/pid")["x-front"]]).to eq(%w[fixed yes])
    puma.process.await_output(%r{asked for /fixed})
  end

  it "takes all words in `proxy do … end`, with the addresses of the front" do
    puma = start_puma_with(<<~RUBY)
      bind "tcp://127.0.0.1:1"
      proxy do
        bind "http://127.0.0.1:0"
        threads 1
        location("/before") { puma timeout: 5 }
        location("/fixed") { static_response body: "fixed" }
      end
    RUBY

    expect([puma.get("/fixed"), puma.get("/before"), puma.get("/")].map(&:body)).to eq(["fixed", *[puma.pid.to_s] * 2])
  end

  it "takes a Proxyfile, whose relative paths begin at its folder" do
    File.write(File.join(directory, "Proxyfile"), <<~RUBY)
      bind "http://127.0.0.1:0"
      include "more.rb"
      puma queue: 10
    RUBY
    File.write(File.join(directory, "more.rb"), 'location("/more") { static_response body: "more" }')
    puma = start_puma_with('proxy "Proxyfile"')

    expect([puma.get("/more").body, puma.get("/").body]).to eq(["more", puma.pid.to_s])
  end

  it "needs no word: it listens where Puma was told to" do
    puma = start_puma_with('bind "tcp://127.0.0.1:0"')

    expect(puma.get("/env").body.lines(chomp: true))
      .to include("HTTP_X_FORWARDED_FOR=127.0.0.1", "HTTP_HOST=127.0.0.1:#{puma.port}", "rack.url_scheme=http",
                  "SERVER_PORT=#{puma.port}", "REMOTE_ADDR=127.0.0.1")
  end

  it "keeps Puma's options" do
    puma = start_puma_with(<<~RUBY)
      threads 3, 3
      bind "tcp://127.0.0.1:0"
      location("/x") { static_response body: "x" }
    RUBY
    puma.process.await_output(/Max threads: 3/)
  end

  it "listens on what the command line says" do
    puma = start_puma_with('bind "tcp://127.0.0.1:1"', "-b", "tcp://127.0.0.1:0")
    expect(puma.get("/").body).to eq(puma.pid.to_s)
  end

  it "listens on a unix socket, with its mode" do
    start_puma_with("bind \"unix://#{directory}/public.sock?mode=0600\"")
    path = File.join(directory, "public.sock")

    expect(env_over(path)).to include("REMOTE_ADDR=127.0.0.1")
    expect(File.stat(path).mode & 0o777).to eq(0o600)
  end

  # The answer to /env over a unix socket.
  def env_over(path)
    UNIXSocket.open(path) do |socket|
      socket.write "GET /env HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
      socket.read
    end
  end

  it "listens on a free port if Puma was told none, and on a socket with a relative path" do
    puma = start_puma_with("bind \"tcp://127.0.0.1\"\nbind \"unix://tmp/public.sock\"")

    expect(puma.get("/").body).to eq(puma.pid.to_s)
    expect(env_over(File.join(directory, "tmp/public.sock"))).to include("REMOTE_ADDR=127.0.0.1")
  end

  it "takes every form of an address in `proxy do … end`" do
    puma = start_puma_with(<<~RUBY)
      proxy do
        bind "http://127.0.0.1:0/"
        bind "unix:#{directory}/public.sock"
      end
    RUBY

    expect(puma.get("/").body).to eq(puma.pid.to_s)
    expect(env_over(File.join(directory, "public.sock"))).to include("REMOTE_ADDR=127.0.0.1")
  end

  it "listens on both addresses of localhost" do
    puma = start_puma_with('bind "tcp://localhost:0"')
    addresses = Socket.ip_address_list.select { |address| address.ipv4_loopback? || address.ipv6_loopback? }
    answers = addresses.map do |address|
      TCPSocket.open(address.ip_address, puma.port) do |socket|
        socket.write "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        socket.read
      end
    end

    expect(answers).to all(end_with(puma.pid.to_s))
  end

  it "ends TLS where Puma was told to, with HTTP/2" do
    pair = certs.server("127.0.0.1")
    puma = start_puma_with("bind \"ssl://127.0.0.1:0?cert=#{pair.certificate_file}&key=#{pair.key_file}\"")
    text, = Open3.capture2e("curl", "-sk", "--http2", "-w", " %{http_version}", "https://127.0.0.1:#{puma.port}/env")

    expect(text).to include("rack.url_scheme=https", "HTTP_X_FORWARDED_PROTO=https").and end_with(" 2")
  end

  it "tells Puma the client's address, by header or PROXY protocol" do
    by = { "" => "puma", "set_remote_address proxy_protocol: :v1" => "puma proxy_protocol: \"v1\"" }
    addresses = by.map do |remote, word|
      puma = start_puma_with(<<~RUBY)
        #{remote}
        proxy do
          bind "http://127.0.0.1:0"
          trusted_proxies "127.0.0.1"
          #{word}
        end
      RUBY
      answer = Net::HTTP.get(URI("#{puma.url}/env"), "X-Forwarded-For" => "192.0.2.7")
      puma.stop
      answer[/^REMOTE_ADDR=(.*)$/, 1]
    end

    expect(addresses).to eq(%w[192.0.2.7 192.0.2.7])
  end

  it "runs blocks of Ruby in the front" do
    puma = start_puma_with(<<~'RUBY')
      bind "tcp://127.0.0.1:0"
      authorize(key: { header: "X-Key" }) { |request| request.headers["X-Key"] == "yes" && { "X-By" => $0[/\Aproxy \w+/] } }
    RUBY
    answers = %w[yes no].map { |key| Net::HTTP.get_response(URI("#{puma.url}/env"), "X-Key" => key) }

    expect(answers.map(&:code)).to eq(%w[200 403])
  end

  it "writes its lines where Puma writes its own, also after the file was renamed (SIGHUP)" do
    puma = started(PumaWithPlugin.new(<<~RUBY, directory))
      bind "tcp://127.0.0.1:0"
      stdout_redirect "#{directory}/log", "#{directory}/log", true
      access_log "{method} {path} {status}"
    RUBY
    puma.await
    log = File.join(directory, "log")
    2.times do
      puma.get("/some")
      eventually { expect(File.exist?(log) ? File.read(log) : "").to include("GET /some 200") }
      File.rename(log, "#{log}.1")
      puma.signal(:HUP)
      eventually { expect(File.exist?(log) ? File.read(log) : "").to include("=== puma startup") }
    end
    puma.get("/last")
    eventually { expect(File.read(log)).to include("GET /last 200") }
  end

  it "takes sockets from systemd" do
    server = TCPServer.new("127.0.0.1", 0)
    port = server.local_address.ip_port
    puma = start_puma_with("bind \"tcp://127.0.0.1:#{port}\"", environment: { "LISTEN_FDS" => "1" }, socket: server)

    expect(puma.get("/").body).to eq(puma.pid.to_s)
  end

  # Debian's Puma lacks the program `puma-wild`, which this needs.
  it "works in a Puma that has left Bundler (`prune_bundler`)", if: ENV["PUMA"] do
    File.write(File.join(directory, "Gemfile"), <<~RUBY)
      gem "puma", path: "#{ENV.fetch("PUMA")}"
      gem "rack"
      gem "proxy", path: "#{Dir.pwd}"
    RUBY
    puma = started(PumaWithPlugin.new(<<~RUBY, directory, environment: { "RUBYLIB" => nil }, bundler: true))
      bind "tcp://127.0.0.1:0"
      workers 2
      preload_app! false
      prune_bundler
      location("/fixed") { static_response body: "fixed" }
    RUBY
    puma.await.await_workers(2)

    expect(puma.process.output).to include("Pruning Bundler environment")
    expect([puma.get("/fixed"), puma.get("/")].map(&:code)).to eq(%w[200 200])
  end

  it "tells all mistakes by file and line, and lets Puma not start" do
    free = FreePorts.one
    output = refused(<<~RUBY)
      bind "tcp://127.0.0.1:#{free}"
      location("/x") do
        static_response bod: "x"
      end
      proxy do
        threds 2
      end
      puma queue: "many"
      bind "https://127.0.0.1:443"
    RUBY

    expect(output.scan(/^config\/puma\.rb:(\d+): (\w+)/))
      .to eq([%w[4 static_response], %w[7 threds], %w[9 puma], %w[10 bind]])
    expect(output).to include("https is no scheme of Puma's: write bind inside proxy do … end")
    expect { TCPSocket.new("127.0.0.1", free) }.to raise_error(Errno::ECONNREFUSED)
    expect(Dir[File.join(directory, "tmp/sockets/*")]).to eq([])
  end

  it "refuses a configuration that asks Puma for nothing" do
    expect(refused("bind \"tcp://127.0.0.1:0\"\nstatic_response body: \"all\""))
      .to include("config/puma.rb:3: static_response: it takes every request, and Puma is asked for nothing: " \
                  "write puma above it")
  end

  it "refuses an option for all of Puma that is written with two values" do
    expect(refused(%(bind "tcp://127.0.0.1:0"\nlocation("/a") { puma queue: 1 }\npuma queue: 2)))
      .to include("config/puma.rb:4: puma: queue: has another value at config/puma.rb:3")
  end

  it "refuses what Puma's own TLS would do" do
    expect(refused('bind "ssl://127.0.0.1:0?cert=a&key=b&ssl_cipher_filter=x"'))
      .to include("config/puma.rb:2: bind: ssl_cipher_filter is an option of Puma's own TLS")
  end

  it "refuses addresses of Puma that it cannot serve" do
    output = refused(<<~RUBY)
      bind "unix://@name"
      bind "unix:///run/a.sock?umask=x"
      bind "tcp://127.0.0.1:0?fast=1"
    RUBY
    expect(output.lines(chomp: true)).to eq(
      ["config/puma.rb:2: bind: the proxy listens on no abstract socket: write a path",
       "config/puma.rb:3: bind: umask=x is no number: write umask=0077",
       "config/puma.rb:4: bind: fast is no option of tcp:// for the proxy: leave it out"]
    )
  end

  it "tells mistakes in options of all of Puma with the line of `puma`" do
    expect(refused(%(bind "tcp://127.0.0.1:0"\npuma max_connections: 0)).lines(chomp: true))
      .to contain_exactly(start_with("config/puma.rb:3: puma: max_connections: 0 is out of range"))
  end

  it "says where `puma` belongs" do
    expect(Proxy.check { puma }.map(&:message)).to include(/a word for config\/puma\.rb, below `plugin :proxy`/)
  end

  it "lets Puma not start if an address is in use" do
    server = TCPServer.new("127.0.0.1", 0)
    address = "tcp://127.0.0.1:#{server.local_address.ip_port}"
    output = refused("bind \"unix://#{directory}/public.sock\"\nbind \"#{address}\"")
    expect(output).to eq("config/puma.rb:3: bind: the proxy in front of Puma cannot listen on #{address}: " \
                         "Address already in use\n")
    expect(Dir[File.join(directory, "{public.sock,tmp/sockets/*}")]).to eq([])
  ensure
    server&.close
  end
end
