# frozen_string_literal: true

require "json"
require "open3"
require "pty"
require "support/commanded_proxy"
require "support/integration"
require "proxy/proxyfiles"

RSpec.describe "commands for a running proxy", time_limit: 60 do
  include Proxyfiles
  include CommandedProxy

  describe "status" do
    it "says how to name a proxy where none runs" do
      write("Proxyfile", "")
      FileUtils.mkdir_p("#{directory}/tmp")

      expect(run_command("status"))
        .to eq(["", "proxy status: no proxy runs for ./Proxyfile (tmp/pids/proxy.sock is not there): start it, or " \
                    "name it with --socket\n", 1])
    end

    it "finds the proxy of the Proxyfile, and prints it and its backends" do
      up = start_backend.address
      gone = refusing_backend.address
      start(<<~RUBY)
        upstream "app", backends: ["#{up}", { address: "#{gone}", backup: true }]
        proxy to: "http://app"
      RUBY
      get
      out, err, status = run_command("status")
      lines = out.lines(chomp: true)

      expect([err, status]).to eq(["", 0])
      expect(lines[0]).to match(/\Aproxy #{Regexp.escape(Proxy::VERSION)}, PID #{@process.pid}, up \d+ s: #{@url}\z/)
      expect(lines[1]).to match(/\AProxyfile, read \d+ s ago\z/)
      expect(lines[3]).to match(/\Aanswered: 50 % within \S+s, 95 % within \S+s, 99 % within \S+s\z/)
      expect(lines[5]).to match(/\AUPSTREAM +STATE +BUSY +QUEUE +REQ\/S +ERR% +P50 +P95 +P99 +CHECK\z/)
      expect(lines[6]).to match(%r{\Aapp +2/2 up +0 +0 +0 +0( +\S+){3}\z})
      expect(lines[7]).to match(/\A  #{up} +ready +0 +0 +0 /)
      expect(lines[8]).to match(/\A  #{gone} +backup +0 +0 +- /)
      expect(lines.map(&:length)).to all(be <= 80)
    end

    it "prints JSON" do
      start("proxy backends: ['#{start_backend.address}']")

      expect(json("status")).to include(pid: @process.pid, urls: [@url], upstreams: [include(:name, :backends)])
    end

    it "says which upstreams there are" do
      start("upstream 'app', backends: ['#{start_backend.address}']\nproxy to: 'http://app'")

      expect(run_command("status", "shop"))
        .to eq(["", "proxy status: there is no upstream \"shop\": write app\n", 1])
    end

    it "tells of the reload that failed" do
      start("static_response body: ''")
      File.write("#{directory}/Proxyfile", "foo 1\n", mode: "a")
      run_command("reload")

      expect(run_command("status").first)
        .to match(/^The reload \d+ s ago failed, and the configuration before stays:\n  Proxyfile:3: foo: unknown directive/)
    end
  end

  {
    %w[status --socket a --url b] => "--socket and --url exclude each other: leave one of them out",
    %w[status --url https://a] => "https://a is no address of a control API: write a path, or a URL such as " \
                                  "http://127.0.0.1:9090",
    %w[status --token-file none --socket a] => "--token-file none cannot be read: No such file or directory",
    %w[drain] => "write what: a backend such as app/127.0.0.1:3001, or an upstream",
    %w[drain app --wait soon] => "invalid argument: --wait soon: write a number of seconds, such as 30",
    %w[ready app --wait 3] => "invalid option: --wait",
    %w[pause] => "write the upstream whose requests shall wait: `proxy status` shows the names",
    %w[pause a b] => "unexpected argument \"b\"",
    %w[maintenance] => "write the upstream, or --all: `proxy status` shows the names",
    %w[maintenance a --off --message x] => "--off ends it: leave --message out",
    %w[maintenance a --all] => "a and --all exclude each other: leave one out",
    %w[backends] => "write add, change or remove; `proxy status` lists the backends",
    %w[backends ad app a] => "there is nothing like \"ad\": write add",
    %w[backends add app] => "add needs two words: write `proxy backends add UPSTREAM ADDRESS`",
    %w[backends change app/a] => "write what changes: --weight or --max-connections",
    %w[backends remove app/a --weight 1] => "--weight has no meaning here: leave it out",
    %w[deploy app] => "write the new backends, such as --to 127.0.0.1:3002",
    %w[purge] => "write a URL, --tag or --all, as in `proxy purge '/blog/*'`",
    %w[split app] => "write an upstream and a number, as in `proxy split v2 20`",
    %w[split app many] => "\"many\" is no percentage: write a number from 0 to 100",
    %w[split app 101] => "\"101\" is no percentage: write a number from 0 to 100",
    %w[split app 0x10] => "\"0x10\" is no percentage: write a number from 0 to 100",
    %w[split app -1] => "\"-1\" is no percentage: write a number from 0 to 100",
    %w[logs --count 0] => "invalid argument: --count 0: write a whole number from 1 on",
    %w[maintenance app --retry-after -1] => "invalid argument: --retry-after -1: write a whole number from 0 on",
    %w[backends add app a --weight some] => "invalid argument: --weight some: write a whole number from 1 on",
    %w[pause app --for 0] => "invalid argument: --for 0: write a number of seconds, such as 30",
    %w[deploy app --to a --timeout 0] => "invalid argument: --timeout 0: write a number of seconds, such as 30",
    %w[top --sort size] => "invalid argument: --sort size: write name, busy, requests, errors or latency"
  }.each do |arguments, message|
    it "refuses `proxy #{arguments.join(" ")}`" do
      expect(run_command(*arguments))
        .to eq(["", "proxy #{arguments.first}: #{message}\n`proxy help #{arguments.first}` says what it takes.\n", 64])
    end
  end

  it "drains, takes out and puts back" do
    backends = [start_backend.address, start_backend.address]
    start("upstream 'app', backends: #{backends}\nproxy to: 'http://app'")

    expect(run_command("drain", "app/#{backends[0]}")).to eq(["app/#{backends[0]} is draining.\n", "", 0])
    expect(states).to eq(backends[0] => "draining", backends[1] => "ready")
    run_command("down", backends[1])
    expect(states).to eq(backends[0] => "draining", backends[1] => "down")
    expect(run_command("ready", "app")).to eq(["app is ready.\n", "", 0])
    expect(states.values).to eq(%w[ready ready])
    expect(run_command("drain", "shop"))
      .to eq(["", "proxy drain: there is no backend and no upstream \"shop\": there are app, " \
                  "app/#{backends[0]} and app/#{backends[1]}\n", 1])
  end

  it "waits until nothing is in flight" do
    finish = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      finish.pop
      connection.answer
    end
    start("upstream 'app', backends: ['#{backend.address}']\nproxy to: 'http://app'")
    request = in_background { get }
    backend.await_requests(1)

    expect(run_command("drain", "app", "--wait", "0.2").drop(1))
      .to match([/^proxy drain: 1 request still in flight after 0\.2 s: .*nothing was cut$/, 1])
    waiting = in_background { run_command("down", "app", "--wait", "20") }
    finish << true
    expect(waiting.value).to match(["Nothing is in flight there.\n", /\Aapp is down\. Waiting up to 20 s/, 0])
    expect(request.value.status).to eq(200)
  end

  it "adds, changes and removes backends" do
    old, new = backend_answering("old").address, backend_answering("new").address
    start("upstream 'app', backends: ['#{old}']\nproxy to: 'http://app'")

    expect(run_command("backends", "add", "app", new, "--weight", "2")).to eq(["app has #{new} now.\n", "", 0])
    expect(run_command("backends", "change", "app/#{new}", "--weight", "3", "--max-connections", "7"))
      .to eq(["app/#{new}: weight 3, max_connections 7.\n", "", 0])
    expect(json("status")[:upstreams][0][:backends]).to match([
      include(address: old), include(address: new, weight: 3, max_connections: 7)
    ])
    expect(run_command("backends", "remove", "app/#{old}")).to eq(["app/#{old} is removed.\n", "", 0])
    expect(get.body).to eq("new")
    expect(run_command("backends", "add", "app", new).last).to eq(1)
  end

  it "reloads, and prints mistakes as `proxy check` does" do
    start("static_response body: 'one'")
    write("Proxyfile", "bind 'http://127.0.0.1:0'\nstatic_response body: 'two'\n")

    expect(run_command("reload")).to eq(["Reloaded Proxyfile: 1 route.\n", "", 0])
    expect(get.body).to eq("two")
    write("Proxyfile", "bind 'http://127.0.0.1:0'\nstatic_respons body: 'three'\n")
    problem = run_command("check")[1].lines.first
    expect(run_command("reload"))
      .to eq(["", "#{problem}proxy reload: Proxyfile has 1 error; the old configuration stays.\n", 1])
    expect(json("reload")).to include(status: 422, problems: [include(file: "Proxyfile", line: 2)])
  end

  it "goes on to take orders after one whose body Ruby cannot read" do
    start("static_response body: 'one'")
    deep = "{\"a\":#{"[" * 110}#{"]" * 110}}"
    answer = UNIXSocket.open("#{directory}/tmp/pids/proxy.sock") do |socket|
      socket.write("POST /reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n" \
                   "Content-Length: #{deep.bytesize}\r\n\r\n#{deep}")
      socket.wait_readable(20)&.read
    end

    expect(answer).to start_with("HTTP/1.1 500 ").and include("reload: JSON::NestingError")
    expect(run_command("reload").last).to eq(0)
  end

  it "stops, and waits for the end" do
    start("static_response body: 'one'")

    expect(run_command("stop", "--wait")).to eq(["PID #{@process.pid} has stopped.\n", "", 0])
    expect(@process.wait.exitstatus).to eq(0)
    expect(run_command("stop").last).to eq(1)
  end

  it "holds requests, and lets them go on" do
    backend = start_backend
    start("upstream 'app', backends: ['#{backend.address}']\nproxy to: 'http://app'")

    expect(run_command("pause", "app", "--for", "50"))
      .to eq(["Requests for app wait. `proxy resume app` lets them go on.\n", "", 0])
    request = in_background { get }
    eventually(limit: 20) { expect(json("status")[:upstreams][0][:paused]).to include(held: 1) }
    expect(run_command("status").first).to match(/^    paused for \d+ s more, 1 held$/)
    expect(run_command("resume", "app")).to eq(["Requests for app go on.\n", "", 0])
    expect(request.value.status).to eq(200)
    expect(run_command("pause", "shop").last).to eq(1)
  end

  it "says that the time of a pause is over, and what requests get" do
    start("upstream 'app', backends: ['#{start_backend.address}']\nproxy to: 'http://app'")
    run_command("pause", "app", "--for", "0.01")

    eventually(limit: 20) do
      expect(run_command("status").first).to match(/^    paused, and its time is over: requests get 503$/)
    end
    expect(get.status).to eq(503)
  end

  it "answers with a message during maintenance" do
    start("upstream 'app', backends: ['#{start_backend.address}']\nproxy to: 'http://app'")
    out, = run_command("maintenance", "app", "--message", "Back at noon", "--bypass")

    expect([get.status, get.body]).to match([503, /Back at noon/])
    expect(out).to match(%r{\AMaintenance of app has begun\..*\nOpen this path in a browser once to be served: /\?})
    expect(run_command("status").first).to match(/^    in maintenance: Back at noon$/)
    expect(run_command("maintenance", "app", "--off")).to eq(["Maintenance of app is over.\n", "", 0])
    expect(get.status).to eq(200)
    run_command("maintenance", "--all", "--message", "Back at one")
    expect(run_command("status").first).to match(/^All upstreams are in maintenance: Back at one$/)
  end

  it "shows the maintenance of all upstreams" do
    start("static_response body: ''")
    run_command("maintenance", "--all", "--message", "Back soon")

    expect(run_command("status").first).to match(/^All upstreams are in maintenance: Back soon$/)
    run_command("maintenance", "--all", "--off")
    expect(run_command("status").first).not_to include("maintenance")
  end

  it "changes a split" do
    one, two = backend_answering("one").address, backend_answering("two").address
    start(<<~RUBY)
      upstream "v1", backends: ["#{one}"]
      upstream "v2", backends: ["#{two}"]
      split "v2" => 0
      proxy to: "http://v1"
    RUBY

    expect(get.body).to eq("one")
    expect(run_command("split", "v2", "100%")).to eq(["100 % go to v2.\n", "", 0])
    expect(get.body).to eq("two")
    expect(run_command("split", "v3", "1").last).to eq(1)
  end

  it "purges what is stored" do
    # Commands take longer than a connection of this backend may rest.
    fields = { "Cache-Control" => "max-age=60", "Connection" => "close" }
    start("cache\nproxy to: 'http://#{backend_answering("one", fields).address}'")
    2.times { get }
    outputs = [%w[/*], %w[--all --hard], %w[--tag x --json]].map { |words| run_command("purge", *words).first }
    expect(outputs).to eq(["1 response is stale.\n", "1 response is removed.\n", "{\n  \"purged\": 0\n}\n"])
    expect(run_command("purge", "--all", "--cache", "pages")[1..]).to match([/there is no cache "pages"/, 1])
  end

  it "shows requests as they end" do
    start("static_response body: '', code: 500")
    watching = in_background { run_command("logs", "-f", "--status", "5xx", "--path", "/a*", "--count", "1") }
    # No event says when it begins to watch.
    get("/a?b=1") && get("/b") while watching.alive?

    expect(watching.value).to match([%r{\A\d\d:\d\d:\d\d 500 +\S+s GET \S+/a\?b=1 127\.0\.0\.1\n\z}, "", 0])
  end

  describe "top" do
    before { start("upstream 'app', backends: ['#{start_backend.address}']\nproxy to: 'http://app'") }

    it "prints a block each second where there is no terminal" do
      out, err, status = run_command("top", "--count", "2")

      expect([err, status]).to eq(["", 0])
      expect(out.scan(/^proxy \S+, PID \d+/).length).to eq(2)
      expect(run_command("top", "--count", "2", "--json").first.lines.map { |line| JSON.parse(line)["pid"] })
        .to eq([@process.pid] * 2)
    end

    it "takes keys in a terminal, and leaves it as it was" do
      PTY.spawn(*Proxyfiles::COMMAND, "top", chdir: directory) do |reader, writer, pid|
        output = +""
        until_shown = lambda do |text|
          output << reader.readpartial(4096) until output.include?(text)
        end
        until_shown["app"]
        writer.write("s")
        until_shown["sorted by busy"]
        writer.write("q")
        until_shown["\e[?25h\e[?1049l"]
        expect(Process.wait2(pid)[1].exitstatus).to eq(0)
      end
    end

    it "says so in a terminal when the proxy has ended" do
      PTY.spawn(*Proxyfiles::COMMAND, "top", chdir: directory) do |reader, _, pid|
        output = +""
        output << reader.readpartial(4096) until output.include?("app")
        run_command("stop", "--wait")
        output << reader.readpartial(4096) until output.include?("proxy top: the proxy has ended")
        expect(Process.wait2(pid)[1].exitstatus).to eq(1)
      end
    end

    it "goes on with the process that takes the place of another" do
      watching = started(ChildProcess.new(*Proxyfiles::COMMAND, "top", "--json", chdir: directory))
      watching.await_output(/"pid":#{@process.pid}/)
      pid = json("upgrade")[:pid]
      expect(watching.await_output(/"pid":#{pid}/)).to be_truthy
    ensure
      run_command("stop", "--wait")
    end
  end
end
