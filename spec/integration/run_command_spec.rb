# frozen_string_literal: true

require "support/supervised"
require "support/free_ports"

RSpec.describe "proxy run", :supervised do
  sh = ->(text) { ["sh", "-c", text] }

  describe "exits with" do
    it "the status of an application that ends" do
      start_run(command: sh["exit 3"])
      expect(finish).to eq(3)
      expect(process.output).to include("The application ended with status 3.")
    end

    it "128 and the signal that has ended the application" do
      start_run(command: sh["kill -9 $$"])
      expect(finish).to eq(137)
      expect(process.output).to include("The application was ended by SIGKILL.")
    end

    it "143 after SIGTERM, which ends the application" do
      start_run
      await_ready
      process.signal(:TERM)
      expect(finish).to eq(143)
    end

    it "0 after SIGTERM with --ok-on-term" do
      start_run("--ok-on-term")
      await_ready
      process.signal(:TERM)
      expect(finish).to eq(0)
    end

    it "143 with --ok-on-term too, if nobody has stopped the proxy" do
      start_run("--ok-on-term")
      await_ready
      Process.kill(:TERM, app)
      expect(finish).to eq(143)
    end

    {
      127 => [%w[no-such-program], /^proxy run: there is no program "no-such-program" in PATH: /],
      126 => [%w[./Proxyfile], %r{^proxy run: \./Proxyfile may not be executed: `chmod \+x \./Proxyfile` allows it}],
      64 => [[], /^proxy run: the command is missing: write it at the end, /]
    }.each do |status, (command, message)|
      it "#{status} for `proxy run -- #{command.join(" ")}`" do
        File.write("#{directory}/Proxyfile", "")
        start_run(command: command)
        expect(finish).to eq(status)
        expect(process.output).to match(message)
      end
    end

    it "126 for a script whose first line names no program" do
      File.write("#{directory}/app", "#!/bin/sh\r\nexit 3\r\n", perm: 0o755)
      start_run(command: ["./app"])
      expect(finish).to eq(126)
      expect(process.output).to eq("proxy run: ./app names \"/bin/sh\\r\" in its first line, which is not there: " \
                                   "correct that line\n")
    end

    it "127 for a command in quotes, and says how to write it" do
      start_run(command: ["bundle exec puma"])
      expect(finish).to eq(127)
      expect(process.output).to include("write the command without quotes")
    end

    it "1 for a wrong configuration, and the application is not started" do
      File.write("#{directory}/Proxyfile", "prxy backends: [:app]\n")
      start_run(command: sh["touch started"])
      expect(finish).to eq(1)
      expect(process.output).to eq("Proxyfile:1: prxy: unknown directive (did you mean proxy?)\n" \
                                   "Proxyfile has 1 error; nothing was started.\n")
      expect(File.exist?("#{directory}/started")).to be(false)
    end

    it "1 for an address that is taken, and the application is not started" do
      taken = start_backend
      start_run(command: sh["touch started"], bind: "http://#{taken.address}")
      expect(finish).to eq(1)
      expect(process.output).to include("Nothing was started.")
      expect(File.exist?("#{directory}/started")).to be(false)
    end

    it "1 if something else listens where the application is to listen" do
      start_run("--app", start_backend.address, command: sh["touch started"])
      expect(finish).to eq(1)
      expect(process.output).to match(/\A127\.0\.0\.1:\d+, where .* has a server already: end that one, or write another /)
      expect(File.exist?("#{directory}/started")).to be(false)
    end
  end

  it "says that the application cannot listen where the proxy does" do
    start_run(command: %w[puma -p 3000], bind: nil, env: { "PORT" => "3000" })
    expect(finish).to eq(1)
    expect(process.output).to eq("the application is to listen on 127.0.0.1:3000, where this proxy listens: write " \
                                 "another port into its command, or another --bind for the proxy\n" \
                                 "proxy run has 1 error; nothing was started.\n")
  end

  {
    ["--ready", "up"] => "up: write tcp, or a path, such as /up",
    ["--boot-timeout", "soon"] => "soon: write a number of seconds, such as 60",
    ["--relay", "USR1"] => "USR1: SIGUSR1 is passed on anyway",
    ["--relay", "KILL"] => "KILL: only HUP can be written here",
    ["--app", "here"] => "here: write an address, such as 127.0.0.1:3000 or unix:tmp/puma.sock"
  }.each do |options, message|
    it "explains #{options.join(" ")}" do
      start_run(*options)
      expect(finish).to eq(64)
      expect(process.output).to eq("proxy run: invalid argument: #{options.first} #{message}\n" \
                                   "`proxy help run` says what it takes.\n")
    end
  end

  it "needs no file, and sends everything to the application, with the client's host" do
    start_run
    await_ready
    expect(get("/any").body).to eq("pid #{app}")
    process.signal(:TERM)
    finish
    expect(process.output).to match(%r{^127\.0\.0\.1 - - .* "GET /any HTTP/1\.1" 200 })
  end

  it "sends what no handler of a Proxyfile takes to the application" do
    File.write("#{directory}/Proxyfile", "location('/fixed') { static_response body: 'fixed' }\n" \
                                         "location('/slow/*') { proxy backends: [:app], timeout: 120 }\n")
    start_run
    await_ready
    expect(%w[/fixed /slow/a /other].map { |path| get(path).body }).to eq(["fixed", "pid #{app}", "pid #{app}"])
  end

  it "says so if a handler takes every request from the application" do
    File.write("#{directory}/Proxyfile", "static_response body: 'all'\n")
    start_run
    expect(finish).to eq(1)
    expect(process.output).to start_with("Proxyfile: the application that `proxy run` starts is asked for nothing")
  end

  it "listens where PORT says if nothing else does, and tells the application another port" do
    port = FreePorts.one
    start_run(bind: nil, env: { "PORT" => port.to_s })
    await_ready
    expect(url).to eq("http://0.0.0.0:#{port}")
    expect(RawClient.request("http://127.0.0.1:#{port}", "GET", "/").body).to eq("pid #{app}")
  end

  it "reads the configuration again on SIGHUP, and leaves the application alone" do
    File.write("#{directory}/Proxyfile", "")
    start_run
    await_ready
    File.write("#{directory}/Proxyfile", "location('/fixed') { static_response body: 'fixed' }\n")
    process.signal(:HUP)
    process.await_output(/^Reloaded Proxyfile/)
    expect([get("/fixed").body, get.body]).to eq(["fixed", "pid #{app}"])
    expect(process.output).not_to include("app got HUP")
  end

  it "passes a socket on with --socket, as systemd does" do
    start_run("--socket", "--app", "127.0.0.1:0")
    await_ready
    expect(get.body).to eq("pid #{app}")
    expect(process.output).to match(/with its socket, 127\.0\.0\.1:\d+/)
  end

  it "gives the application the terminal's input and none of what systemd has told the proxy" do
    start_run(command: sh["echo \"<$NOTIFY_SOCKET$LISTEN_FDS>\""], env: { "NOTIFY_SOCKET" => "/nowhere" })
    finish
    expect(process.output).to match(/^<>$/)
  end

  # The next message to systemd that is not only for people.
  def next_state(socket)
    Timeout.timeout(10) do
      loop { socket.recv(100).then { |message| return message unless message.start_with?("STATUS=") } }
    end
  end

  it "tells systemd that it is ready when the application is, and that it stops" do
    socket = Socket.new(:UNIX, :DGRAM)
    socket.bind(Socket.sockaddr_un("#{directory}/notify"))
    boot = gate("boot")
    start_run(env: { "NOTIFY_SOCKET" => "#{directory}/notify", "GATE" => boot })
    process.await_output(/app starts/)
    before = []
    before << socket.recv(100) while socket.wait_readable(0)
    expect(before.grep_v(/\ASTATUS=/)).to eq([])
    open_gate(boot)
    expect(next_state(socket)).to match(/\AREADY=1$/)
    process.signal(:TERM)
    expect(next_state(socket)).to eq("STOPPING=1")
    finish
  end

  it "writes its own process number with --pid, and removes the file at the end" do
    start_run("--pid", "run.pid")
    # A Ruby that gets SIGTERM before its script begins may go on.
    await_ready
    expect(File.read("#{directory}/run.pid").to_i).to eq(process.pid)
    process.signal(:TERM)
    finish
    expect(File.exist?("#{directory}/run.pid")).to be(false)
  end

  it "frees its port and the application's at the end" do
    start_run("--socket", "--app", "127.0.0.1:0")
    await_ready
    ports = [url[/\d+\z/], process.output[/its socket, 127\.0\.0\.1:(\d+)/, 1]]
    process.signal(:TERM)
    finish
    ports.each { |port| expect { TCPSocket.new("127.0.0.1", port) }.to raise_error(Errno::ECONNREFUSED) }
  end
end
