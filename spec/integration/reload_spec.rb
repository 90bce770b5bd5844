# frozen_string_literal: true

require "support/integration"
require "support/tls_client"

RSpec.describe "reload" do
  def proxyfile(text, name = "Proxyfile")
    File.join(directory, name).tap { |path| File.write(path, text) }
  end

  def fixed(body) = "static_response body: #{body.inspect}"

  # A server of the file, and what rewrites that file.
  def start(text)
    @path = proxyfile(text)
    start_proxy(file: @path)
  end

  def rewrite(text) = File.write(@path, text)

  it "reads the file again and keeps the address that was given beside it" do
    proxy = start(fixed("old"))
    url = proxy.url
    client = proxy.connect
    expect(client.get.body).to eq("old")
    rewrite(fixed("new"))
    expect(client.get.body).to eq("old")
    expect(proxy.server.reload).to equal(proxy.server)
    expect([client.get.body, proxy.get.body, proxy.server.urls]).to eq(["new", "new", [url]])
  end

  it "calls a block again" do
    count = 0
    proxy = start_proxy { static_response body: (count += 1).to_s }
    2.times { proxy.server.reload }
    expect(proxy.get.body).to eq("3")
  end

  it "takes another block or file, which is the one to be read again" do
    proxy = start_proxy { static_response body: "first" }
    proxy.server.reload do
      bind "http://127.0.0.1:0"
      threads 1
      static_response body: "second"
    end
    expect(proxy.get.body).to eq("second")
    path = proxyfile("bind 'http://127.0.0.1:0'\n#{fixed("third")}")
    proxy.server.reload(path)
    expect(proxy.get.body).to eq("third")
    File.write(path, "bind 'http://127.0.0.1:0'\n#{fixed("fourth")}")
    proxy.server.reload
    expect(proxy.get.body).to eq("fourth")
    expect { proxy.server.reload(path) { static_response body: "both" } }
      .to raise_error(ArgumentError, "give a path or a block, not both")
  end

  it "reads a file that was named in another working directory" do
    proxyfile(fixed("old"))
    server = Dir.chdir(directory) { Proxy.start("Proxyfile", binds: ["http://127.0.0.1:0"]) }
    proxyfile(fixed("new"))
    server.reload
    expect(RawClient.request(server.urls.first, "GET", "/").body).to eq("new")
  ensure
    server&.stop(timeout: 0)
  end

  it "raises everything that is wrong, with its line, and serves on as before" do
    proxy = start(fixed("old"))
    rewrite("proxy backend: []\nkeepalive_timeout(-1)\nproxy backends: ['host:x']")
    expect { proxy.server.reload }.to raise_error(Proxy::ConfigurationError) { |error|
      expect(error.problems.map(&:line)).to eq([1, 2, 3])
      expect(error.message).to start_with("#{@path}:1: proxy: unknown option :backend (did you mean :backends?)")
    }
    File.delete(@path)
    expect { proxy.server.reload }.to raise_error(Proxy::ConfigurationError, /there is no such file/)
    expect(proxy.get.body).to eq("old")
    rewrite(fixed("new"))
    proxy.server.reload
    expect(proxy.get.body).to eq("new")
  end

  it "raises when an address is in use, and serves on as before" do
    taken = TCPServer.new("127.0.0.1", 0)
    port = taken.local_address.ip_port
    proxy = start_proxy { static_response body: "old" }
    url = proxy.url
    again = lambda do
      proxy.server.reload do
        bind "http://127.0.0.1:0"
        bind "http://127.0.0.1:#{port}"
        threads 1
        static_response body: "new"
      end
    end
    expect(&again)
      .to raise_error(Proxy::BindError, /:#{port}: the address is in use: stop the program that listens there/)
    expect([proxy.server.urls, proxy.get.body]).to eq([[url], "old"])
    taken.close
    again.call
    expect(proxy.server.urls).to eq([url, "http://127.0.0.1:#{port}"])
    expect(proxy.server.urls.map { |at| RawClient.request(at, "GET", "/").body }).to eq(%w[new new])
  end

  it "is refused by a server that has stopped and by a forked child's copy" do
    proxy = start_proxy { static_response body: "ok" }
    reader, writer = IO.pipe
    pid = fork do
      proxy.server.reload
    rescue Proxy::Error => error
      writer.write(error.message)
    ensure
      exit!(0)
    end
    Process.wait(pid)
    writer.close
    expect(reader.read).to eq("the server has stopped, or is about to: start another one")
    expect(proxy.get.body).to eq("ok")
    proxy.stop
    expect { proxy.server.reload }.to raise_error(Proxy::Error, "the server has stopped, or is about to: start " \
                                                                "another one")
  end

  it "of several at once does one after the other" do
    count = 0
    proxy = start_proxy { static_response body: (count += 1).to_s }
    Array.new(4) { in_background { 5.times { proxy.server.reload } } }.each(&:value)
    expect([count, proxy.get.body]).to eq([21, "21"])
  end

  it "costs no request of fifty busy connections, whatever changes" do
    backends = Array.new(2) { |number| backend_answering(number.to_s) }
    configuration = lambda do |generation|
      addresses = backends.rotate(generation).map(&:address)
      <<~RUBY
        threads 2
        location("/route-#{generation}") { #{fixed("new")} }
        rate_limit requests: #{1_000_000 + (generation % 3)}, seconds: 60
        proxy backends: #{addresses.first(1 + (generation % 2)).inspect}, keepalive: #{8 + (generation % 4)}
      RUBY
    end
    path = proxyfile(configuration[0])
    proxy = start_proxy(file: path)
    stop = false
    clients = Array.new(50) do
      in_background do
        client = proxy.connect
        answers = 0
        until stop
          answer = client.get
          raise "#{answer.status} #{answer.body}" unless answer.status == 200 && %w[0 1].include?(answer.body)

          answers += 1
        end
        client.close
        answers
      end
    end
    (1..20).each do |generation|
      File.write(path, configuration[generation])
      proxy.server.reload
      expect(proxy.get("/route-#{generation}").body).to eq("new")
      expect(proxy.get("/route-#{generation - 1}").body).not_to eq("new")
    end
    stop = true
    expect(clients.sum(&:value)).to be > 50
    expect(proxy.stats[:requests]).to include(status_4xx: 0, status_5xx: 0, client_closed: 0)
  end

  it "reads the files that a configuration names again" do
    page = proxyfile("old page", "page.txt")
    users = proxyfile("ann:#{`openssl passwd -5 -salt saltsalt secret`}", "users")
    proxy = start(<<~RUBY)
      location("/page") { static_response body: File.read(#{page.inspect}) }
      location("/private") { auth_basic file: "users"; #{fixed("in")} }
      proxy backends: ["127.0.0.1:1"], error_response: { status: 503, plaintext: { file: "page.txt" } }
    RUBY
    ask = ->(password) {
      proxy.get("/private",
                { "Authorization" => "Basic #{["ann:#{password}"].pack("m0")}" }).status
    }
    expect([proxy.get("/page").body, proxy.get.body, ask["secret"]]).to eq(["old page", "old page", 200])
    File.write(page, "new page")
    File.write(users, "ann:#{`openssl passwd -5 -salt saltsalt changed`}")
    proxy.server.reload
    expect([proxy.get("/page").body, proxy.get.body, ask["secret"], ask["changed"]])
      .to eq(["new page", "new page", 401, 200])
  end

  it "serves a certificate that has changed, resumes sessions, and leaves connections that are there alone" do
    old, new = certs.server("old.test"), certs.server("new.test")
    paths = { certificate: proxyfile(File.read(old.certificate_file), "site.pem"),
              key: proxyfile(File.read(old.key_file), "site.key") }
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", **paths
      static_response body: "ok"
    end
    before = TlsClient.connect(proxy.url)
    expect([before.names, before.get.body]).to eq([["old.test"], "ok"])
    session = before.io.session
    proxy.server.reload
    again = TlsClient.connect(proxy.url, session: session)
    expect([again.io.session_reused?, again.get.body]).to eq([true, "ok"])
    File.write(paths[:certificate], File.read(new.certificate_file))
    expect { proxy.server.reload }.to raise_error(Proxy::ConfigurationError, /key/)
    File.write(paths[:key], File.read(new.key_file))
    proxy.server.reload
    expect([TlsClient.connect(proxy.url).names, before.get.body]).to eq([["new.test"], "ok"])
  end

  it "keeps the addresses that DNS said while the server no longer answers" do
    backend = backend_answering("found")
    dns = start_dns
    dns.answer("app.test", ["127.0.0.1"])
    configuration = lambda do |keepalive|
      "resolver #{dns.address.inspect}\nproxy backends: ['app.test:#{URI("http://#{backend.address}").port}'], " \
      "keepalive: #{keepalive}"
    end
    proxy = start(configuration[4])
    expect(proxy.get.body).to eq("found")
    dns.failing = true
    rewrite(configuration[5])
    proxy.server.reload
    expect(proxy.get.body).to eq("found")
  end

  describe "on SIGHUP" do
    def start_process(text)
      start_proxy_process(text).tap do |proxy|
        @path = "/proc/#{proxy.process.pid}/cwd/Proxyfile"
        @bind = File.readlines(@path).first
      end
    end

    def rewrite(text) = super("#{@bind}#{text}")

    it "reads the configuration again, says so, and stays the same process at the same address" do
      proxy = start_process(fixed("old"))
      client = proxy.connect
      expect(client.get.body).to eq("old")
      rewrite("location('/a') { #{fixed("a")} }\nproxy backends: ['127.0.0.1:1'], verify_ssl: false, fail_timeout: 3\n")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/^warning: Proxyfile:3: proxy: fail_timeout: .*\nReloaded Proxyfile: 2 routes\.$/)
      expect(client.get("/a").body).to eq("a")
    end

    it "prints what is wrong, and the old configuration stays" do
      proxy = start_process(fixed("old"))
      rewrite("proxy backend: []\nkeepalive_timeout(-1)")
      proxy.process.signal(:HUP)
      proxy.process
           .await_output(/^Proxyfile:2: .* option :backend .*\nProxyfile:3: .*\nProxyfile has 2 errors; the old configuration stays\.$/)
      rewrite("exit 3")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/^Proxyfile ends the process \(exit\)\nThe old configuration stays\.$/)
      taken = TCPServer.new("127.0.0.1", 0)
      rewrite("bind 'http://127.0.0.1:#{taken.local_address.ip_port}'\n#{fixed("new")}")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/^Proxyfile:2: bind: .*the address is in use.*\nThe old configuration stays\.$/)
      expect(proxy.get.body).to eq("old")
      rewrite(fixed("new"))
      5.times { proxy.process.signal(:HUP) }
      proxy.process.await_output(/^Reloaded Proxyfile: 1 route\.$/)
      expect(proxy.get.body).to eq("new")
      proxy.process.signal(:TERM)
      expect(proxy.process.wait.exitstatus).to eq(0)
    ensure
      taken&.close
    end

    it "says that the rights of a unix socket which are left out now stay as they were" do
      bind = "bind 'unix://#{directory}/proxy.sock"
      proxy = start_process("#{bind}?mode=606'\n#{fixed("old")}")
      rewrite("#{bind}'\n#{fixed("new")}")
      proxy.process.signal(:HUP)
      proxy.process
           .await_output(%r{proxy\.sock: the mode, owner or group that is no longer written stays as it was until the next start})
      expect(File.stat("#{directory}/proxy.sock").mode & 0o777).to eq(0o606)
    end

    it "is ignored while the server stops" do
      answers = Queue.new
      backend = start_backend do |connection|
        connection.read_request
        answers.pop
        connection.answer("finished")
      end
      proxy = start_process("proxy backends: [#{backend.address.inspect}]")
      client = proxy.connect
      client.send_request("GET", "/")
      backend.await_requests(1)
      proxy.process.signal(:TERM)
      proxy.process.await_output(/Stopping\./)
      3.times { proxy.process.signal(:HUP) }
      answers << true
      expect(client.read_response.body).to eq("finished")
      expect([proxy.process.wait.exitstatus, proxy.process.output]).to match([0, /at once\.\n\z/])
    end

    it "opens the access log anew, so that it can be rotated" do
      proxy = start_process("access_log '{path}', to: 'access.log'\n#{fixed("ok")}")
      log = File.join(File.dirname(@path), "access.log")
      client = proxy.connect
      client.get("/before")
      eventually { expect(File.read(log)).to eq("/before\n") }
      File.rename(log, "#{log}.1")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/^Reloaded/)
      client.get("/after")
      eventually { expect(File.read(log)).to eq("/after\n") }
      expect(File.read("#{log}.1")).to eq("/before\n")
    end

    it "leaves nothing behind, however often it comes" do
      proxy = start_process("access_log 'json', to: 'a.log'\nupstream 'app', backends: ['127.0.0.1:1'], " \
                            "health_check: { interval: 60 }\n" \
                            "proxy to: 'http://app{path}'")
      generation = 0
      rewrite_and_reload = lambda do
        generation += 1
        rewrite("access_log 'json', to: '#{generation % 3}.log'\nupstream 'app', backends: " \
                "['127.0.0.#{1 + (generation % 5)}:1'], " \
                "health_check: { interval: #{60 + generation} }\nproxy to: " \
                "'http://app{path}'\n#{"static_response body: ''\n" * generation}")
        proxy.process.signal(:HUP)
        proxy.process.await_output(/^Reloaded Proxyfile: #{generation + 1} routes/)
      end
      20.times { rewrite_and_reload.call }
      count = ->(what) { Dir.children("/proc/#{proxy.process.pid}/#{what}").length }
      before = [count["task"], count["fd"], proxy.process.memory]
      80.times { rewrite_and_reload.call }
      eventually { expect([count["task"] - before[0], count["fd"] - before[1]]).to all(be <= 2) }
      expect(proxy.process.memory - before[2]).to be < 16 * 1024 * 1024
    end
  end
end
