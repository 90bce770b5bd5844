# frozen_string_literal: true

require "open3"
require "support/integration"
require "proxy/cli"

RSpec.describe "The control API" do
  token = "0123456789abcdef0123456789abcdef"

  # One request over a socket file, and its answer: the status and the body.
  def ask(path, method, target, body = nil, host: "proxy")
    UNIXSocket.open(path) do |socket|
      socket.write("#{method} #{target} HTTP/1.1\r\nHost: #{host}\r\nConnection: close\r\n" \
                   "Content-Type: application/json\r\nContent-Length: #{body.to_s.bytesize}\r\n\r\n#{body}")
      head, text = socket.read.split("\r\n\r\n", 2)
      [head[/ (\d{3}) /, 1].to_i, JSON.parse(text, symbolize_names: true)]
    end
  end

  # `proxy start` in `directory`, which has a folder tmp.
  def start_command(proxyfile, *options, environment: {})
    FileUtils.mkdir_p("#{directory}/tmp")
    File.write("#{directory}/Proxyfile", "bind \"http://127.0.0.1:0\"\n#{proxyfile}")
    process = started(ChildProcess.new(environment, RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start",
                                       *options, chdir: directory))
    process.await_output(/Ctrl-C stops it/)
    process
  end

  let(:usual) { "#{directory}/tmp/pids/proxy.sock" }
  let(:routes) { 'static_response body: "fine"' }

  it "has its usual socket with `proxy start`, until it ends" do
    process = start_command(routes)
    status, body = ask(usual, "GET", "/status")

    expect(File.stat(usual).mode & 0o777).to eq(0o600)
    expect([status, body[:pid], body[:file]]).to eq([200, process.pid, File.realpath("#{directory}/Proxyfile")])
    expect(ask(usual, "POST", "/stop")).to eq([202, { stopping: true }])
    expect(process.wait.exitstatus).to eq(0)
    expect(File.exist?(usual)).to be(false)
  end

  it "has none with `control false`, and none in a program that does not write it" do
    start_command("control false\n#{routes}")
    expect(File.exist?(File.dirname(usual))).to be(false)
    proxy = start_proxy { static_response body: "fine" }
    expect(proxy.server.instance_variable_get(:@native).control_urls).to eq([])
  end

  it "warns, and serves, where another proxy has the usual socket" do
    start_command(routes)
    second = start_command(routes)

    second.await_output(/warn control: unix:.*: a running proxy listens there/)
    expect(ask(usual, "GET", "/health/live")).to eq([200, { live: true }])
  end

  it "fails where another proxy has a socket that is written" do
    path = "#{directory}/own.sock"
    config = proc do
      control "unix:#{path}"
      static_response body: "fine"
    end
    start_proxy(&config)
    expect { start_proxy(&config) }
      .to raise_error(Proxy::BindError, /control: unix:.*own\.sock: a running proxy listens there: stop that one first/)
  end

  it "answers a reload with what `proxy check` prints, and keeps it for the status" do
    process = start_command(routes)
    expect(ask(usual, "POST", "/reload"))
      .to match([200, { result: "ok", file: "Proxyfile", routes: 1, problems: [] }])
    File.write("#{directory}/Proxyfile", "prxy to: 1\nbind 7\n")
    out, = Open3.capture2e(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "check", chdir: directory)
    status, body = ask(usual, "POST", "/reload")

    expect(status).to eq(422)
    expect(body[:problems].map { |problem| problem[:text] }).to eq(out.lines(chomp: true)[0..-2])
    expect(body[:problems].first).to include(file: "Proxyfile", line: 1, severity: "error", remedy: /proxy/)
    process.signal(:HUP)
    process.await_output(/the old configuration stays.*the old configuration stays/m)
    eventually do
      reload = ask(usual, "GET", "/status").last[:reload]
      expect([reload[:result], reload[:problems].length]).to eq(["failed", 2])
    end
  end

  it "reloads a server that a program has started, and stops it" do
    path = "#{directory}/own.sock"
    File.write("#{directory}/Proxyfile", "control \"unix:#{path}\"\nstatic_response body: \"one\"\n")
    proxy = start_proxy(file: "#{directory}/Proxyfile")
    File.write("#{directory}/Proxyfile", "control \"unix:#{path}\"\nstatic_response body: \"two\"\n")

    expect(ask(path, "POST", "/reload")).to include(200)
    expect(proxy.get.body).to eq("two")
    expect(ask(path, "POST", "/upgrade")).to match([409, { error: /runs inside of a program/, problems: [] }])
    expect(ask(path, "POST", "/stop")).to eq([202, { stopping: true }])
    proxy.server.wait
    expect(File.exist?(path)).to be(false)
  end

  it "takes a token over TCP, also from a browser, and goes on with it after a reload" do
    proxy = start_proxy do
      control "http://127.0.0.1:0", token: token
      static_response body: "fine"
    end
    url = proxy.server.instance_variable_get(:@native).control_urls.first
    own = { "Host" => url.delete_prefix("http://") }
    bearer = { **own, "Authorization" => "Bearer #{token}" }

    expect(RawClient.request(url, "GET", "/health/live", own).status).to eq(401)
    proxy.server.reload
    expect(RawClient.request(url, "GET", "/health/live", bearer).status).to eq(200)
    foreign = { **bearer, "Origin" => "http://a.example" }
    expect(RawClient.request(url, "GET", "/health/live", foreign).status).to eq(403)
    basic = { **own, "Authorization" => "Basic #{["any:#{token}"].pack("m0")}" }
    expect(RawClient.request(url, "GET", "/", basic)["Content-Type"]).to eq("text/html; charset=utf-8")
  end

  it "refuses other users, whatever the rights of the file", if: Process.uid.zero? do
    path = "#{directory}/own.sock"
    start_proxy do
      control "unix:#{path}"
      static_response body: "fine"
    end
    File.chmod(0o777, directory, path)
    request = "GET /status HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n"
    script = "require 'socket'; UNIXSocket.open('#{path}') { |s| s.write \"#{request}\"; puts s.read }"
    out, = Open3.capture2e("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", RbConfig.ruby,
                           "--disable-gems", "-e", script)

    expect(out).to start_with("HTTP/1.1 403 Forbidden").and include("only root and the user with the id 0 may use this")
  end

  it "is silent about a token that is wrong" do
    problems = Proxy.check do
      control "http://127.0.0.1:9090", token: "too short"
      control "http://127.0.0.1:9091"
      control "unix:#{"a" * 120}"
      control false
      control true, token: token
      static_response body: "fine"
    end
    expect(problems.map { |problem| [problem.directive, problem.message] }).to match(
      [["control", /\Atoken: 9 characters are too few/], ["control", /9091 needs a token/],
       ["control", /a path has at most 107 bytes/], ["control", /\Afalse and another place contradict each other/],
       ["control", /\Atoken: is for http:\/\/ addresses only/]]
    )
    expect(problems.join).not_to include("too short")
  end

  describe "the page" do
    # The titles of the pages that a browser shows. The script of the page counts in them who is not ready.
    def titles
      answer = RawClient.request("http://#{@devtools}", "GET", "/json/list", { "Host" => @devtools })
      JSON.parse(answer.body).select { |tab| tab["url"].start_with?("http:") }.map { |tab| tab.fetch("title") }
    end

    def open_browser(url)
      options = %w[--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking
                   --disable-component-update --disable-sync --disable-extensions --remote-debugging-port=0]
      chromium = started(ChildProcess.new("chromium", *options, "--user-data-dir=#{directory}/chromium", url))
      @devtools = chromium.await_output(%r{DevTools listening on ws://(\S+?)/}, limit: 40)[1]
    end

    let(:port) { FreePorts.one }

    define_method(:start_with_page) do |control = "http://127.0.0.1:#{port}"|
      backend = start_backend
      start_proxy do
        control control, token: token
        upstream "app", backends: [backend.address]
        proxy to: "http://app{path}{query}"
      end
    end

    it "follows what happens, in a browser", time_limit: 90 do
      proxy = start_with_page
      open_browser("http://x:#{token}@127.0.0.1:#{port}")

      eventually(limit: 20) { expect(titles).to eq(["proxy"]) }
      proxy.server.down("app")
      eventually(limit: 20) { expect(titles).to eq(["(1) proxy"]) }
      proxy.server.ready("app")
      eventually(limit: 20) { expect(titles).to eq(["proxy"]) }
    end

    it "follows again after a restart, even if it was refused meanwhile", time_limit: 120 do
      proxy = start_with_page
      open_browser("http://x:#{token}@127.0.0.1:#{port}")
      eventually(limit: 20) { expect(titles).to eq(["proxy"]) }
      proxy.server.stop
      # A browser gives up after such an answer.
      TCPServer.open("127.0.0.1", port) do |server|
        client = server.accept
        client.gets("\r\n\r\n")
        client.write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        client.close
      end
      start_with_page.server.down("app")

      eventually(limit: 40) { expect(titles).to eq(["(1) proxy"]) }
    end
  end
end
