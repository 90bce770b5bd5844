# frozen_string_literal: true

require "pty"
require "support/integration"

RSpec.describe "signals" do
  def start_process(text)
    start_proxy_process(text).tap do |proxy|
      @path = "/proc/#{proxy.process.pid}/cwd/Proxyfile"
      @bind = File.readlines(@path).first
    end
  end

  def rewrite(text) = File.write(@path, "#{@bind}#{text}")

  def fixed(body) = "static_response body: #{body.inspect}\n"

  it "SIGQUIT finishes what is in flight and exits with 0, as SIGTERM does" do
    answers = Queue.new
    backend = start_backend { |connection| connection.read_request && answers.pop && connection.answer("finished") }
    proxy = start_process("proxy backends: [#{backend.address.inspect}]")
    client = proxy.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    proxy.process.signal(:QUIT)
    proxy.process.await_output(/Stopping\./)
    answers << true
    expect(client.read_response.body).to eq("finished")
    expect(proxy.process.wait.exitstatus).to eq(0)
  end

  it "SIGUSR1 opens the access log anew and changes nothing else" do
    proxy = start_process("access_log '{path}', to: 'access.log'\n#{fixed("ok")}")
    log = File.join(File.dirname(@path), "access.log")
    client = proxy.connect
    client.get("/before")
    eventually { expect(File.read(log)).to eq("/before\n") }
    File.rename(log, "#{log}.1")
    rewrite(fixed("new"))
    proxy.process.signal(:USR1)
    proxy.process.await_output(/info the access log was opened anew$/)
    expect(client.get("/after").body).to eq("ok")
    eventually { expect(File.read(log)).to eq("/after\n") }
    expect(File.read("#{log}.1")).to eq("/before\n")
  end

  it "SIGUSR1 leaves the access log where it was if its file cannot be opened" do
    proxy = start_process("Dir.mkdir('logs') unless Dir.exist?('logs')\n" \
                          "access_log '{path}', to: 'logs/access.log'\n#{fixed("ok")}")
    logs = File.join(File.dirname(@path), "logs")
    File.rename(logs, "#{logs}.old")
    proxy.process.signal(:USR1)
    proxy.process.await_output(/error the access log stays where it was: /)
    proxy.get("/a")
    eventually { expect(File.read("#{logs}.old/access.log")).to eq("/a\n") }
  end

  it "is found by the name that the documentation says" do
    proxy = start_process(fixed("ok"))
    expect(`pgrep -f 'proxy start'`.split).to include(proxy.process.pid.to_s)
  end

  describe "while a configuration is read" do
    %i[INT TERM QUIT].each do |name|
      it "SIG#{name} ends the process at the start" do
        File.write("#{directory}/Proxyfile", "warn 'reading'\nsleep 60\n")
        process = ChildProcess.new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, chdir: directory)
        process.await_output(/reading/)
        process.signal(name)
        expect(process.wait.exitstatus).to eq(128 + Signal.list[name.to_s])
      ensure
        process&.stop
      end

      it "SIG#{name} stops a server that reloads, and what is in flight finishes" do
        answers = Queue.new
        backend = start_backend { |connection| connection.read_request && answers.pop && connection.answer("finished") }
        proxy = start_process("proxy backends: [#{backend.address.inspect}]")
        client = proxy.connect
        client.send_request("GET", "/")
        backend.await_requests(1)
        rewrite("warn 'reading'\nbegin\n  sleep 60\nensure\n  sleep 60\nend\n")
        proxy.process.signal(:HUP)
        proxy.process.await_output(/reading/)
        proxy.process.signal(name)
        proxy.process.await_output(/Stopping\./)
        answers << true
        expect(client.read_response.body).to eq("finished")
        expect(proxy.process.wait.exitstatus).to eq(0)
      end
    end

    it "a reload does not wait for a pipe that nobody reads, which the configuration names for its log" do
      proxy = start_process(fixed("old"))
      File.mkfifo(File.join(File.dirname(@path), "fifo"))
      rewrite("access_log 'json', to: 'fifo'\n#{fixed("new")}")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/Reloaded/)
      expect(proxy.get.body).to eq("new")
      proxy.process.signal(:TERM)
      expect(proxy.process.wait.exitstatus).to eq(0)
    end

    it "says nothing of a reload that comes too late for a server that stops" do
      answers = Queue.new
      backend = start_backend { |connection| connection.read_request && answers.pop && connection.answer("finished") }
      proxy = start_process("proxy backends: [#{backend.address.inspect}]")
      client = proxy.connect
      client.send_request("GET", "/")
      backend.await_requests(1)
      rewrite("$stderr.puts 'reading'\nsleep 0.5\n$stderr.puts 'read'\n#{fixed("new")}")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/^reading$/)
      proxy.process.signal(:TERM)
      proxy.process.await_output(/^read$/)
      sleep 0.3
      answers << true
      expect(proxy.process.wait.exitstatus).to eq(0)
      expect(proxy.process.output).to end_with("A second signal ends what is left at once.\nread\n")
    end

    it "a second signal ends it at once" do
      backend = start_backend { |connection| connection.read_request && Queue.new.pop }
      proxy = start_process("proxy backends: [#{backend.address.inspect}]")
      proxy.connect.send_request("GET", "/")
      backend.await_requests(1)
      rewrite("warn 'reading'\nsleep 60\n")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/reading/)
      proxy.process.signal(:TERM)
      proxy.process.await_output(/Stopping\./)
      proxy.process.signal(:INT)
      expect(proxy.process.wait.exitstatus).to eq(128 + Signal.list["INT"])
    end

    it "any number of SIGHUP is one more reload" do
      proxy = start_process(fixed("old"))
      fifo = File.join(File.dirname(@path), "fifo")
      File.mkfifo(fifo)
      rewrite("warn 'reading'\nFile.read(#{"fifo".inspect})\n#{fixed("new")}")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/reading/)
      3.times { proxy.process.signal(:HUP) && sleep(0.05) }
      File.write(fifo, "")
      # What the command says and what the file says come on two ways.
      proxy.process.await_output(/reading\n(.*\n)*reading/)
      File.write(fifo, "")
      proxy.process.await_output(/Reloaded.*\n(.*\n)*Reloaded/)
      proxy.process.signal(:TERM)
      proxy.process.wait
      expect(proxy.process.output.scan("reading").length).to eq(2)
    end
  end

  describe "SIGHUP with a configuration that" do
    {
      "exits" => ["exit 3", /ends the process \(exit\)/],
      "aborts" => ["abort 'enough'", /ends the process \(enough\)/],
      "throws" => ["throw :it", /raised UncaughtThrowError/],
      "raises Exception" => ["raise Exception, 'no'", /raised Exception: no/],
      "raises NoMemoryError" => ["raise NoMemoryError", /raised NoMemoryError/],
      "raises Interrupt" => ["raise Interrupt", /raised Interrupt/],
      "raises SignalException" => ["raise SignalException, 'TERM'", /raised SignalException/],
      "overflows the stack" => ["def again = again\nagain", /raised SystemStackError/],
      "ends its thread" => ["Thread.current.kill", /ended its thread/],
      "has bytes that are no text" => ["raise \"\\xff\"", /raised RuntimeError/],
      "was deleted" => ["File.delete('Proxyfile')\nraise 'gone'", /raised RuntimeError: gone/]
    }.each do |what, (text, said)|
      it "#{what} leaves the old one" do
        proxy = start_process(fixed("old"))
        rewrite(text)
        proxy.process.signal(:HUP)
        proxy.process.await_output(/#{said.source}.*\n(.*; the|The) old configuration stays\./)
        expect(proxy.get.body).to eq("old")
        File.write(File.join("/proc/#{proxy.process.pid}/cwd", "Proxyfile"), "#{@bind}#{fixed("new")}")
        proxy.process.signal(:HUP)
        proxy.process.await_output(/^Reloaded /)
        expect(proxy.get.body).to eq("new")
        proxy.process.signal(:TERM)
        expect(proxy.process.wait.exitstatus).to eq(0)
      end
    end

    it "takes signals, closes outputs and changes the directory is taken, and the server goes on as ever" do
      proxy = start_process(fixed("old"))
      rewrite("%w[TERM HUP INT].each { |name| trap(name) { } }\n$stderr.close\nDir.chdir('/')\n" \
              "Thread.abort_on_exception = true\n" \
              "#{fixed("new")}")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/^Reloaded /)
      expect(proxy.get.body).to eq("new")
      proxy.process.signal(:HUP)
      proxy.process.await_output(/Reloaded.*\n(.*\n)*Reloaded/)
      proxy.process.signal(:TERM)
      expect(proxy.process.wait.exitstatus).to eq(0)
    end

    it "is gone with its directory leaves the old one, and one that is named from the root is read" do
      place = Dir.mktmpdir
      gone = Dir.mktmpdir
      File.write("#{place}/Proxyfile", "bind 'http://127.0.0.1:0'\n#{fixed("old")}")
      process = ChildProcess
                .new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "-c", "#{place}/Proxyfile",
                     chdir: gone)
      url = process.await_output(%r{http://[^\s/]+:[1-9]\d*})[0]
      FileUtils.rm_rf(gone)
      File.write("#{place}/Proxyfile", "bind 'http://127.0.0.1:0'\n#{fixed("new")}")
      process.signal(:HUP)
      process.await_output(/^Reloaded /)
      expect(RawClient.request(url, "GET", "/").body).to eq("new")
      FileUtils.rm_rf(place)
      process.signal(:HUP)
      process.await_output(/there is no such file.*\n.*the old configuration stays/)
      expect(RawClient.request(url, "GET", "/").body).to eq("new")
    ensure
      process&.stop
      FileUtils.rm_rf([place, gone])
    end
  end

  describe "SIGHUP and a terminal" do
    # A suite that is run by nohup ignores the signal, and so would what it starts.
    around do |example|
      before = trap("HUP", "DEFAULT")
      example.run
    ensure
      trap("HUP", before)
    end

    # Runs it in a session of its own whose terminal this is.
    def start_in_terminal(*wrapper)
      File.write("#{directory}/Proxyfile", "bind 'http://127.0.0.1:0'\n#{fixed("ok")}")
      @terminal, @slave,
        @pid = PTY.spawn(*wrapper, RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, chdir: directory)
      text = +""
      text << @terminal.readpartial(4096) until text.include?("Ctrl-C")
      @url = text[%r{http://[^\s/]+:[1-9]\d*}]
    end

    def close_terminal = [@terminal, @slave].each(&:close)

    def ended? = !Process.wait(@pid, Process::WNOHANG).nil?

    after do
      next unless @pid && $?&.pid != @pid

      Process.kill(:KILL, @pid)
      Process.wait(@pid)
    rescue Errno::ESRCH, Errno::ECHILD
      nil
    end

    it "stops when the terminal has gone" do
      start_in_terminal
      expect(RawClient.request(@url, "GET", "/").body).to eq("ok")
      close_terminal
      eventually(limit: 10) { expect(ended?).to be(true) }
      expect($?.exitstatus).to eq(0)
    end

    it "reloads while the terminal is there" do
      start_in_terminal
      Process.kill(:HUP, @pid)
      text = +""
      Timeout.timeout(10) { text << @terminal.readpartial(4096) until text.include?("Reloaded") }
      expect(RawClient.request(@url, "GET", "/").body).to eq("ok")
    end

    it "goes on if it was started with SIGHUP ignored, as by nohup" do
      start_in_terminal("sh", "-c", 'trap "" HUP; exec "$@"', "sh")
      close_terminal
      File.write("#{directory}/Proxyfile", "bind 'http://127.0.0.1:0'\n#{fixed("new")}")
      # It comes behind the one of the terminal.
      Process.kill(:HUP, @pid)
      eventually(limit: 10) { expect(RawClient.request(@url, "GET", "/").body).to eq("new") }
    end
  end
end
