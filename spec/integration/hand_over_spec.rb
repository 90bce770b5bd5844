# frozen_string_literal: true

require "open3"
require "support/hand_over"
require "support/tls_client"
require "support/web_socket"

RSpec.describe "SIGUSR2" do
  include HandOver

  # An answer of the control API.
  def control(method, path, body = nil)
    client = RawClient.connect("unix://#{folder}/control.sock")
    client.send_request(method, path, { "Host" => "localhost", "Connection" => "close",
                                        "Content-Type" => "application/json" }, body)
    JSON.parse(client.read_response.body)
  ensure
    client&.close
  end

  it "starts a new process on the same sockets, and the old one ends with 0" do
    start("static_response body: 'old'")
    expect(get.body).to eq("old")
    rewrite("static_response body: 'new'")
    successor = hand_over
    process.await_output(/^proxy \S+ \(PID #{successor}\) listens on\n  #{url}$/)
    expect(get.body).to eq("new")
    expect(first_status).to eq(0)
    expect(get.body).to eq("new")
    kill(:TERM, successor)
    eventually(limit: 10) { expect(alive?(successor)).to be(false) }
    expect { get }.to raise_error(Errno::ECONNREFUSED)
  end

  describe "when the new process does not come to serve" do
    def expect_to_go_on(pattern)
      process.await_output(pattern)
      expect(get.body).to eq("old")
      eventually { expect(descriptors).to be <= @before }
      # And the next attempt works.
      rewrite("static_response body: 'new'")
      hand_over
      expect(get.body).to eq("new")
    end

    before do
      start("static_response body: 'old'")
      get
      @before = descriptors
    end

    it "the old one goes on if the configuration is wrong, which is told" do
      rewrite("static_respons body: 'new'")
      kill(:USR2, current)
      process.await_output(/^Proxyfile:2: static_respons: .*did you mean static_response/)
      expect_to_go_on(/^The new process \(PID \d+\) ended before it served, by exit status 1\. This process goes on as/)
    end

    it "`proxy upgrade` prints the mistakes as `proxy check` does, and exits with 1" do
      rewrite("static_respons body: 'new'")
      out, err, status = Open3.capture3(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "upgrade",
                                        chdir: folder)
      expect([out, status.exitstatus]).to eq(["", 1])
      expect(err.lines).to match([/\AProxyfile:2: static_respons: .*did you mean static_response/,
                                  /\Aproxy upgrade: The new process \(PID \d+\) ended before it served, by exit/])
    end

    it "the old one goes on if it is killed, and refuses a second one meanwhile" do
      rewrite("warn 'reading'\nsleep 60")
      kill(:USR2, current)
      pid = process.await_output(/^PID (\d+) is being started/)[1].to_i
      process.await_output(/^reading$/)
      kill(:USR2, current)
      process.await_output(/^SIGUSR2: a new process is being started already: wait until it serves\.$/)
      kill(:KILL, pid)
      expect_to_go_on(/^The new process \(PID #{pid}\) ended before it served, by SIGKILL\./)
    end

    it "both end if the old one is stopped meanwhile" do
      rewrite("warn 'reading'\nsleep 60")
      kill(:USR2, current)
      pid = process.await_output(/^PID (\d+) is being started/)[1].to_i
      process.await_output(/^reading$/)
      kill(:TERM, current)
      expect(first_status).to eq(0)
      eventually { expect(alive?(pid)).to be(false) }
    end

    it "a reload that is asked for meanwhile happens afterwards" do
      rewrite("warn 'reading'\nsleep 60")
      kill(:USR2, current)
      pid = process.await_output(/^PID (\d+) is being started/)[1].to_i
      process.await_output(/^reading$/)
      rewrite("static_response body: 'newer'")
      kill(:HUP, current)
      kill(:KILL, pid)
      process.await_output(/^Reloaded Proxyfile/)
      expect(get.body).to eq("newer")
    end
  end

  describe "what the old process has begun" do
    it "is finished: requests, and tunnels for tunnel_grace" do
      answers = Queue.new
      backend = start_backend do |connection|
        head = connection.read_request
        next answers.pop && connection.answer("finished") if head.target == "/"

        connection.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        connection.write(connection.read(9))
        Queue.new.pop
      end
      start("tunnel_grace 0.5\nproxy backends: [#{backend.address.inspect}]")
      client = RawClient.connect(url)
      client.send_request("GET", "/")
      tunnel = RawClient.connect(url)
      tunnel.send_request("GET", "/ws", { "Connection" => "Upgrade", "Upgrade" => "websocket" })
      expect(tunnel.read_head.status).to eq(101)
      backend.await_requests(2)
      hand_over
      expect(process.output).to match(/In flight: 1 request \(30 seconds\), 1 tunnel \(0\.5 seconds\)\. A signal ends/)
      tunnel.write("some text")
      expect(tunnel.read(9)).to eq("some text")
      expect(tunnel.read_to_end).to eq("")
      answers << true
      response = client.read_response
      expect([response.body, response["Connection"]]).to eq(%w[finished close])
      expect(first_status).to eq(0)
    end

    it "waits for idle connections to be used, and tells them with the next answer" do
      start("shutdown_timeout 30\nstatic_response body: {pid: '{path}'}.to_s")
      clients = Array.new(3) { RawClient.connect(url) }
      clients.take(2).each { |client| expect(client.get["Connection"]).not_to eq("close") }
      old = current
      hand_over
      # The last has sent nothing yet.
      clients.each { |client| expect(client.get["Connection"]).to eq("close") }
      clients.each { |client| expect(client.read_to_end).to eq("") }
      expect(first_status).to eq(0)
      expect(alive?(old)).to be(false)
    end

    it "closes idle connections shortly before shutdown_timeout is over, and calls that no failure" do
      start("shutdown_timeout 1\nstatic_response body: 'ok'")
      client = RawClient.connect(url)
      client.get
      hand_over
      expect(client.read_to_end).to eq("")
      expect(first_status).to eq(0)
      expect(process.output).not_to include("Not finished in time")
    end

    it "ends at once by another signal" do
      backend = start_backend { |connection| connection.read_request && Queue.new.pop }
      start("proxy backends: [#{backend.address.inspect}]")
      client = RawClient.connect(url)
      client.send_request("GET", "/")
      backend.await_requests(1)
      old = current
      hand_over
      kill(:TERM, old)
      expect(first_status).to eq(128 + 15)
    end
  end

  describe "what the new process knows" do
    it "are session tickets, so that clients need no full handshake" do
      pair = certs.server("app.test")
      tls = "certificate: #{pair.certificate_file.inspect}, key: #{pair.key_file.inspect}"
      start("static_response body: 'ok'", bind: "https://127.0.0.1:0")
      process.signal(:TERM)
      process.wait
      @folder = Dir.mktmpdir(nil, directory)
      File.write("#{folder}/Proxyfile", "bind 'https://127.0.0.1:0', #{tls}\nstatic_response body: 'ok'\n")
      @process = started(ChildProcess.new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, chdir: folder))
      @url = process.await_output(%r{https://\S+})[0]
      process.await_output(/Ctrl-C/)
      @current = process.pid
      [nil, OpenSSL::SSL::TLS1_2_VERSION].each do |version|
        context = version ? { max_version: version } : {}
        session = TlsClient.session(url, **context)
        hand_over
        expect(first_status).to eq(0) unless version
        expect(TlsClient.resumes?(url, session, **context)).to be(true)
      end
    end

    it "are the states and the health of backends, also on the control socket, whose file stays" do
      good = backend_answering("good", { "Connection" => "close" })
      checked = start_backend { |connection| connection.read_request && connection.answer("no", status: "500 No") }
      addresses = [good.address, checked.address].map { |address| address.delete_prefix("http://") }
      start("control 'unix:control.sock'\nupstream 'app', backends: #{addresses.inspect}, " \
            "health_check: { path: '/up', interval: 0.1, fall: 1, status: 200 }\nproxy to: 'http://app'")
      backends = -> { control("GET", "/status")["upstreams"][0]["backends"] }
      states = -> { backends.call.to_h { |backend| backend.values_at("address", "state") } }
      eventually(limit: 10) { expect(states.call).to eq(addresses[0] => "ready", addresses[1] => "unhealthy") }
      control("POST", "/backends/app/#{addresses[0]}", '{"state":"draining"}')
      rewrite("control 'unix:control.sock'\nupstream 'app', backends: #{addresses.inspect}, " \
              "health_check: { path: '/up', interval: 1000, fall: 1, status: 200 }\nproxy to: 'http://app'")
      hand_over
      expect(control("GET", "/status")["pid"]).to eq(current)
      expect(states.call).to eq(addresses[0] => "draining", addresses[1] => "unhealthy")
      expect(first_status).to eq(0)
      expect(control("GET", "/status")["pid"]).to eq(current)
      kill(:TERM, current)
      eventually(limit: 10) { expect(File.exist?("#{folder}/control.sock")).to be(false) }
    end

    it "is what was changed at run time, also what no file keeps, and the file passes on" do
      backend = backend_answering("added")
      text = "state 'proxy.state'\ncontrol 'unix:control.sock'\nupstream 'app', backends: ['127.0.0.1:1']\n" \
             "proxy to: 'http://app'"
      [text, text.sub("state 'proxy.state'", "")].each do |proxyfile|
        start(proxyfile)
        control("POST", "/upstreams/app/backends", JSON.generate(address: backend.address, weight: 3))
        control("POST", "/backends/app/127.0.0.1:1", '{"state":"down"}')
        hand_over
        backends = control("GET", "/status")["upstreams"][0]["backends"]
        expect(backends.map { |one| one.values_at("address", "state", "weight") })
          .to contain_exactly(["127.0.0.1:1", "down", 1], [backend.address, "ready", 3])
        expect(get.body).to eq("added")
        expect(first_status).to eq(0)
        expect(process.output).not_to match(/is kept by/)
        if proxyfile == text
          control("DELETE", "/upstreams/app/backends/#{backend.address}")
          eventually(limit: 10) { expect(File.read("#{folder}/proxy.state")).not_to include(backend.address) }
        end
        kill(:TERM, current)
        eventually(limit: 10) { expect(alive?(current)).to be(false) }
        FileUtils.rm_f("#{folder}/proxy.state")
      end
    end

    it "is the secret of the cookie by which a split knows clients" do
      backends = Array.new(2) { |number| backend_answering(number.to_s) }
      start("upstream 'v2', backends: #{[backends[1].address]}\nsplit by: 'client', 'v2' => 50\n" \
            "proxy to: 'http://#{backends[0].address}'")
      response = get
      cookie = response["Set-Cookie"][/\A[^;]+/]
      hand_over
      after = get("/", "Cookie" => cookie)
      expect([after.body, after["Set-Cookie"]]).to eq([response.body, nil])
    end

    it "are counts of rate limits and the secret of sticky cookies" do
      backends = Array.new(3) { |number| backend_answering(number.to_s) }
      start("rate_limit requests: 2, seconds: 3600, key: { header: 'X-Key' }\n" \
            "proxy backends: #{backends.map(&:address).inspect}, backend_priority: { sticky: 'backend' }")
      response = get("/", "X-Key" => "a")
      cookie = response["Set-Cookie"][/\A[^;]+/]
      expect(get("/", "X-Key" => "a").status).to eq(200)
      expect(get("/", "X-Key" => "b").status).to eq(200)
      hand_over
      expect([get("/", "X-Key" => "a").status, get("/", "X-Key" => "b").status]).to eq([429, 200])
      bodies = Array.new(4) { |number| get("/", "X-Key" => "c#{number}", "Cookie" => cookie).body }
      expect(bodies.uniq).to eq([response.body])
    end
  end

  describe "sockets" do
    it "with a file keep it until the last process ends" do
      path = "#{directory}/a.sock"
      start("static_response body: 'ok'", bind: "unix://#{path}")
      inode = File.stat(path).ino
      hand_over
      expect(first_status).to eq(0)
      expect([File.stat(path).ino, get.body]).to eq([inode, "ok"])
      kill(:TERM, current)
      eventually(limit: 10) { expect(File.exist?(path)).to be(false) }
    end

    it "that are bound no longer serve who waits there, and close; new ones open" do
      start("static_response body: 'ok'")
      other = "#{directory}/other.sock"
      before = url
      @bind = "unix://#{other}"
      rewrite("static_response body: 'other'")
      hand_over
      @url = "unix://#{other}"
      expect(get.body).to eq("other")
      expect(first_status).to eq(0)
      expect { RawClient.connect(before) }.to raise_error(Errno::ECONNREFUSED)
      expect(process.output).not_to include("no bind is for the socket")
    end
  end

  it "names the new process in the file of --pid, which the last one removes" do
    start("static_response body: 'ok'", "--pid", "proxy.pid")
    path = "#{folder}/proxy.pid"
    2.times do
      before = current
      hand_over
      eventually(limit: 10) { expect(alive?(before)).to be(false) }
      expect(File.read(path)).to eq("#{current}\n")
    end
    # The lock has come along.
    other = started(ChildProcess.new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start", "--pid",
                                     "proxy.pid", chdir: folder))
    expect(other.wait.exitstatus).to eq(1)
    expect(other.output).to include("a running proxy has written it (PID #{current})")
    kill(:TERM, current)
    eventually(limit: 10) { expect(File.exist?(path)).to be(false) }
  end

  it "begins where `current` points by then, with the environment of the start" do
    %w[one two].each do |name|
      Dir.mkdir("#{directory}/#{name}")
      File.write("#{directory}/#{name}/Gemfile", "")
    end
    File.symlink("one", "#{directory}/current")
    gemfile = File.realpath("#{directory}/one/Gemfile")
    text = "static_response body: \"\#{Dir.pwd} \#{ENV['SECRET']} \#{ENV['BUNDLE_GEMFILE']} \#{ENV['LISTEN_FDS']}\"\n" \
           "ENV['SECRET'] = 'changed'"
    start(text, folder: "#{directory}/current", environment: { "SECRET" => "kept", "BUNDLE_GEMFILE" => gemfile })
    expect(get.body).to eq("#{File.realpath("#{directory}/one")} kept #{gemfile} ")
    File.unlink("#{directory}/current")
    File.symlink("two", "#{directory}/current")
    rewrite(text)
    hand_over
    expect(get.body).to eq("#{File.realpath("#{directory}/two")} kept #{directory}/current/Gemfile ")
  end

  it "fails no request and leaks nothing in three hand-overs under load", time_limit: 90 do
    backend = backend_answering("ok")
    start("proxy backends: [#{backend.address.inspect}]")
    failures, count, over = Queue.new, Queue.new, false
    clients = Array.new(4) do |number|
      in_background do
        until over
          keeps = number.even?
          client ||= RawClient.connect(url)
          begin
            headers = keeps ? {} : { "Connection" => "close" }
            response = client.request(%w[GET POST][number / 2], "/", headers, number > 1 ? "x" * 1000 : nil)
            failures << response.status unless response.status == 200
            count << 1
            next if keeps && response["Connection"] != "close"
          rescue StandardError => error
            failures << error.full_message
          end
          client.close
          client = nil
        end
      end
    end
    open = []
    3.times do
      before = current
      hand_over
      eventually(limit: 15) { expect(alive?(before)).to be(false) }
      open << descriptors
    end
    over = true
    clients.each(&:value)
    expect([failures.size, failures.empty? || failures.pop]).to eq([0, true])
    expect(count.size).to be > 100
    expect(open.max - open.min).to be <= 4
  end
end
