# frozen_string_literal: true

require "json"
require "net/http"
require "proxy/cli"
require_relative "proxyfiles"

RSpec.describe "proxy", "the command" do
  include Proxyfiles

  # A running `proxy start` and the lines that it prints.
  def start(*arguments)
    @process = IO.popen([*Proxyfiles::COMMAND, *arguments, { chdir: directory, err: %i[child out] }])
    lines = [@process.gets]
    lines << @process.gets until lines.last.nil? || lines.last.include?("Ctrl-C")
    lines.compact
  end

  def signal(name)
    Process.kill(name, @process.pid)
  end

  # Its remaining output and its exit status.
  def finish
    rest = @process.read
    @process.close
    [rest, $?.exitstatus]
  end

  after do
    next if @process.nil? || @process.closed?

    Process.kill("KILL", @process.pid)
    @process.close
  end

  describe "start" do
    it "says where it listens and how to stop it, serves, and exits with 0 on SIGTERM" do
      write("Proxyfile", "bind 'http://127.0.0.1:0'\nstatic_response body: 'hello'\n")
      lines = start
      url = lines[1].strip

      expect(lines.join)
        .to match(%r{\Aproxy \d\S+ \(PID #{@process.pid}\) listens on\n  http://127\.0\.0\.1:\d+\nProxyfile: 1 route\. Ctrl-C stops it; requests in flight then get 30 seconds\.\n\z})
      # A request is over when its connection ends, and perhaps not when its answer is there.
      answer = TCPSocket.open("127.0.0.1", URI(url).port) do |socket|
        socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        socket.read
      end
      expect(answer).to end_with("\r\n\r\nhello")
      signal("TERM")
      expect(finish).to eq(["Stopping. Nothing is in flight.\n", 0])
    end

    it "exits with 0 on Ctrl-C" do
      write("Proxyfile", "bind 'http://127.0.0.1:0'\nstatic_response body: 'hello'\n")
      start("start")
      signal("INT")

      expect(finish.last).to eq(0)
    end

    it "ends at once on a second signal" do
      backend = TCPServer.new("127.0.0.1", 0)
      write("Proxyfile", "bind 'http://127.0.0.1:0'\nproxy backends: ['127.0.0.1:#{backend.addr[1]}'], timeout: 60\n")
      uri = URI(start[1].strip)
      client = TCPSocket.new(uri.host, uri.port)
      client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      backend.accept.gets
      signal("TERM")
      stopping = @process.gets
      signal("TERM")

      expect(stopping).to start_with("Stopping.")
      expect(finish.last).to eq(128 + Signal.list["TERM"])
    ensure
      [client, backend].compact.each(&:close)
    end

    it "listens on -b instead of on the binds of the file, as often as it is given" do
      write("config/proxy.rb", "bind 'http://127.0.0.1:1'\nstatic_response body: 'hello'\n")
      lines = start("-b", "http://127.0.0.1:0", "--bind", "unix://#{directory}/proxy.sock")

      expect(lines[1..2]).to match([%r{  http://127\.0\.0\.1:\d+}, /unix:.*proxy\.sock/])
      expect(File.socket?("#{directory}/proxy.sock")).to be(true)
    end

    it "prints everything that is wrong and exits with 1" do
      write("Proxyfile", "thread 4\nproxy\n")
      out, err, status = run_command("start")

      expect([out, status]).to eq(["", 1])
      expect(err).to start_with("Proxyfile:1: thread: unknown directive (did you mean threads?)\nProxyfile:2: proxy: " \
                                "`to` is missing")
      expect(err).to end_with("Proxyfile has 2 errors; nothing was started.\n")
    end

    it "names the line and the address of a port that is in use, and exits with 1" do
      TCPServer.open("127.0.0.1", 0) do |taken|
        url = "http://127.0.0.1:#{taken.addr[1]}"
        write("Proxyfile", "\nbind '#{url}'\nstatic_response body: ''\n")
        _, err, status = run_command

        expect(status).to eq(1)
        expect(err).to match(/\AProxyfile:2: bind: .*#{Regexp.escape(url)}.*\nNothing was started\.\n\z/)
      end
    end

    it "says what to do when there is no configuration" do
      expect(run_command).to eq(["", "Proxyfile: there is no such file: `proxy init` writes a first one\nProxyfile " \
                                     "has 1 error; nothing was started.\n", 1])
    end
  end

  describe "check" do
    it "prints JSON of a stable form with --json, and exits as without it" do
      write("Proxyfile", "thread 4\nproxy to: 'nowhere'\n")
      out, err, status = run_command("check", "--json")

      expect([err, status]).to eq(["", 1])
      expect(JSON.parse(out)).to eq(
        "file" => "Proxyfile", "ok" => false, "binds" => 1, "routes" => 1,
        "problems" => [
          { "file" => "Proxyfile", "line" => 1, "severity" => "error", "code" => "word", "directive" => "thread",
            "message" => "unknown directive (did you mean threads?)", "remedy" => "did you mean threads?" },
          { "file" => "Proxyfile", "line" => 2, "severity" => "warning", "code" => "slip", "directive" => "proxy",
            "message" => 'to: "nowhere" is not an absolute URL: write http://nowhere',
            "remedy" => "write http://nowhere" }
        ]
      )
      write("Proxyfile", "static_response body: ''\n")
      out, err, status = run_command("check", "--json")
      expect([JSON.parse(out), err, status])
        .to eq([{ "file" => "Proxyfile", "ok" => true, "binds" => 1, "routes" => 1, "problems" => [] }, "", 0])
    end

    it "fails if the configuration ends the command" do
      write("Proxyfile", "proxy to: 'http://a.example'\nexit\n")

      expect(run_command("check"))
        .to eq(["", "Proxyfile:2: the configuration ends the command here, so nothing was checked: leave `exit` or " \
                    "`abort` out\n", 1])
    end

    it "prints one object and nothing else with --json, whatever the configuration prints, and though it ends the " \
       "command" do
      write("Proxyfile", "puts 'hello'\nstatic_response body: ''\n")
      out, err, status = run_command("check", "--json")
      expect([JSON.parse(out)["ok"], err, status]).to eq([true, "hello\n", 0])

      write("Proxyfile", "puts 'hello'\nexit\n")
      out, err, status = run_command("check", "--json")
      expect([err, status]).to eq(["hello\n", 1])
      expect(JSON.parse(out)).to eq(
        "file" => "Proxyfile", "ok" => false, "binds" => 0, "routes" => 0,
        "problems" =>
          [{ "file" => "Proxyfile", "line" => 2, "severity" => "error", "code" => "exception", "directive" => nil,
             "message" =>
                           "the configuration ends the command here, so nothing was checked: leave `exit` or `abort` " \
                           "out",
             "remedy" => "leave `exit` or `abort` out" }]
      )
    end

    it "says what kind of mistake each is" do
      { "proxy(" => "syntax", "raise 'no'" => "exception", "thread 1" => "word", "proxy too: 1" => "option",
        "threads nil" => "value" }
        .each do |text, code|
        write("Proxyfile", "#{text}\n")
        expect(JSON.parse(run_command("check", "--json").first)["problems"].map { |problem| problem["code"] })
          .to eq([code]), text
      end
      expect(JSON.parse(run_command("check", "--json", "-c", "none").first)["problems"].first)
        .to include("code" => "file", "line" => nil)
    end

    it "counts what it found and exits with 0" do
      write("Proxyfile", "bind 'http://127.0.0.1:8080'\nbind 'http://[::1]:8080'\nlocation('/a') { static_response " \
                         "body: '' }\nstatic_response body: ''\n")

      expect(run_command("check")).to eq(["Proxyfile is fine: 2 binds, 2 routes\n", "", 0])
    end

    it "prints the lines of Proxy::ConfigurationError and exits with 1" do
      write("other.rb", "proxy to: 'http://a.example', timeuot: 3\n")

      expect(run_command("check", "-c", "other.rb"))
        .to eq(["", "other.rb:1: proxy: unknown option :timeuot (did you mean :timeout?)\nother.rb has 1 error.\n", 1])
    end
  end

  describe "init" do
    it "writes a file that passes the check" do
      expect(run_command("init")).to eq(["Wrote Proxyfile. Edit it, then: proxy check, proxy start\n", "", 0])
      expect(run_command("check")).to eq(["Proxyfile is fine: 1 bind, 1 route\n", "", 0])
    end

    it "writes a file whose commented lines are right too" do
      run_command("init")
      path = File.join(directory, "Proxyfile")
      directives =
        File.read(path)
            .gsub(/^( *)# (?=location|  static|end|backend_priority|headers|error_response|           )/, '\1')
      File.write(path, directives)

      expect(run_command("check")).to eq(["Proxyfile is fine: 1 bind, 2 routes\n", "", 0])
    end

    it "writes a file that runs as it stands" do
      run_command("init")
      start("-b", "http://127.0.0.1:0")
      signal("TERM")

      expect(finish.last).to eq(0)
    end

    it "leaves a file alone that is already there" do
      write("Proxyfile", "threads 3\n")
      _, err, status = run_command("init")

      expect(status).to eq(1)
      expect(err).to start_with("proxy init: Proxyfile is already there and was left as it is")
      expect(File.read("#{directory}/Proxyfile")).to eq("threads 3\n")
    end

    it "writes where -c says, and makes the folder" do
      run_command("init", "-c", "config/proxy.rb")

      expect(File.file?("#{directory}/config/proxy.rb")).to be(true)
    end
  end

  it "prints the version" do
    outputs = [["version"], ["-v"], ["--version"]].map { |arguments| run_command(*arguments) }

    expect(outputs.uniq).to match([[/\Aproxy #{Regexp.escape(Proxy::VERSION)} \(ruby /, "", 0]])
  end

  it "reads nothing for other commands that only those need which ask a running proxy" do
    script = "require \"proxy/cli\"; puts $LOADED_FEATURES.grep(%r{/control/(client|remote)|/cli/(asking|top)})"
    output, = Open3.capture2(RbConfig.ruby, "-I#{Proxyfiles::ROOT}/lib", "-e", script)

    expect(output).to eq("")
  end

  it "fits its help into 80 columns" do
    texts = [run_command("help").first, *Proxy::CLI::COMMANDS.map { |command| Proxy::CLI.command(command).help }]

    expect(texts.join.lines.map(&:chomp).select { |line| line.length > 80 }).to eq([])
  end

  it "lists every command in its help" do
    out, = run_command("help")

    Proxy::CLI::COMMANDS.each { |command| expect(out).to match(/^  #{command} +\w/) }
    expect(run_command("-h").first).to eq(out)
  end

  %w[start check init version help].each do |command|
    it "explains #{command}" do
      out, err, status = run_command("help", command)

      expect([err, status]).to eq(["", 0])
      expect(out).to start_with("proxy #{command}")
      expect(run_command(command, "--help")).to eq([out, "", 0])
    end
  end

  {
    ["chek"] => "proxy: there is no command \"chek\" (did you mean check?)\n`proxy help` lists the commands.\n",
    ["check", "--confg", "x"] => "proxy check: invalid option: --confg (did you mean --config?)\n`proxy help check` " \
                                 "says what it takes.\n",
    ["check", "-b", "x"] => "proxy check: invalid option: -b\n`proxy help check` says what it takes.\n",
    ["start", "-b"] => "proxy start: missing argument: -b\n`proxy help start` says what it takes.\n",
    ["version", "now"] => "proxy version: unexpected argument \"now\"\n`proxy help version` says what it takes.\n",
    ["help", "strat"] => "proxy help: there is no command and no word \"strat\" (did you mean start?)\n"
  }.each do |arguments, message|
    it "exits with 64 for `proxy #{arguments.join(" ")}`" do
      expect(run_command(*arguments)).to eq(["", message, 64])
    end
  end

  [["\xFF"], ["help", "\xFF"], ["check", "--to", "\xFF"], ["start", "--pid", "\xFF"], ["routes", "\xFF"]]
    .each do |arguments|
    it "exits with 64 for bytes that are no text in `proxy #{arguments.first.scrub}`" do
      expect(run_command(*arguments)).to eq(["", "proxy: \"\\xFF\" is not valid UTF-8: write it in UTF-8\n`proxy " \
                                                 "help` lists the commands.\n", 64])
    end
  end

  it "reads UTF-8 in every locale" do
    write("bücher/Proxyfile", "static_response body: ''\n")
    environment = { "LC_ALL" => "C" }
    out, err, status =
      Open3.capture3(environment, *Proxyfiles::COMMAND, "routes", "-c", "bücher/Proxyfile", "http://a/bü",
                     chdir: directory)

    expect([out.force_encoding("UTF-8"), err, status.exitstatus])
      .to match([/400, before any filter or handler is asked: the request target holds a character that no URI may hold/, "", 0])
  end

  it "says how to name a file" do
    write("other.rb", "")

    expect(run_command("check", "other.rb")[1]).to start_with('proxy check: unexpected argument "other.rb": write -c ' \
                                                              'other.rb')
  end

  it "takes a ~name of nobody for a name like any other" do
    write("~nobody-of-that-name/Proxyfile", 'static_response body: "ok"')
    expect(run_command("check", "-c", "~nobody-of-that-name/Proxyfile").last).to eq(0)
    expect(run_command("check", "-c", "~nobody-of-another-name/Proxyfile")[1]).to include("there is no such file")
    write("Proxyfile", 'proxy to: "http://h", error_response: { status: 503, html: { file: ' \
                       '"~nobody-of-that-name/x.html" } }')
    expect(run_command("check")[1]).to start_with('Proxyfile:1: proxy: error_response: html: ' \
                                                  '"~nobody-of-that-name/x.html" does not exist')
  end
end
