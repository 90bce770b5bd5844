# frozen_string_literal: true

require "pty"
require "shellwords"
require "support/supervised"
require "support/free_ports"

RSpec.describe "signals of proxy run", :supervised do
  # A request that the application answers once `open_gate(answer)` is called.
  def request_in_flight
    @answer = gate("answer")
    client = RawClient.connect(url)
    client.send_request("GET", "/wait")
    process.await_output(/app waits/)
    client
  end

  %w[USR1 USR2 TTIN TTOU URG WINCH].each do |name|
    it "passes SIG#{name} on" do
      start_run
      await_ready
      process.signal(name)
      process.await_output(/^app got #{name}$/)
      expect(get.body).to eq("pid #{app}")
    end
  end

  it "passes SIGHUP on with --relay HUP, and reads the configuration again" do
    start_run("--relay", "HUP")
    await_ready
    process.signal(:HUP)
    process.await_output(/^app got HUP$/)
    process.await_output(/^Reloaded /)
  end

  %i[TERM INT QUIT].each do |name|
    it "SIG#{name} lets requests in flight finish, and only then ends the application by SIGTERM" do
      start_run
      await_ready
      client = request_in_flight
      process.signal(name)
      process.await_output(/Stopping\. In flight: 1 request/)
      eventually { expect { RawClient.connect(url) }.to raise_error(Errno::ECONNREFUSED) }
      expect(running?(app)).to be(true)
      open_gate(@answer, "finished")
      expect(client.read_response.body).to eq("finished")
      expect(finish).to eq(143)
      expect(running?(app)).to be(false)
    end
  end

  it "a second signal ends the proxy and the application at once" do
    start_run(env: { "ON_TERM" => "IGNORE" })
    await_ready
    request_in_flight
    process.signal(:TERM)
    process.await_output(/Stopping\./)
    process.signal(:TERM)
    expect(finish).to eq(143)
    expect(running?(app)).to be(false)
  end

  it "a second signal ends an application at once that does not end" do
    start_run(env: { "ON_TERM" => "IGNORE" })
    await_ready
    process.signal(:TERM)
    process.await_output(/Stopping\./)
    process.signal(:INT)
    expect(finish).to eq(130)
    expect(running?(app)).to be(false)
  end

  it "kills an application that does not end within shutdown_timeout" do
    start_run("--shutdown-timeout", "0.3", env: { "ON_TERM" => "IGNORE" })
    await_ready
    process.signal(:TERM)
    expect(finish).to eq(137)
    expect(process.output).to match(/^The application did not end within 0\.\d seconds and was killed\.$/)
  end

  it "cuts a request after shutdown_timeout and ends the application all the same" do
    start_run("--shutdown-timeout", "0.3")
    await_ready
    request_in_flight
    process.signal(:TERM)
    expect(finish).to eq(143)
    expect(process.output).to include("Not finished in time: 1 request.")
  end

  it "ends while the application still starts" do
    start_run(env: { "GATE" => gate("boot") })
    process.await_output(/app starts/)
    process.signal(:TERM)
    expect(finish).to eq(143)
  end

  # A terminal in which signals are typed.
  describe "in a terminal", time_limit: 40 do
    around do |example|
      before = trap("HUP", "DEFAULT")
      example.run
    ensure
      trap("HUP", before)
      [@terminal, @input].compact.each(&:close)
      [@pid, @app].compact.each { |pid| Process.kill(:KILL, pid) if running?(pid) }
    end

    def start_in_terminal(*command, env: {})
      environment = { **Supervised::CLEAN, "TERM" => "dumb", **env }
      @terminal, @input, @pid = PTY.spawn(environment, *Supervised::PROXY, "run", "-b", "http://127.0.0.1:0", "--",
                                          *command, chdir: directory)
      @text = +""
      @app = shown(/starts as PID (\d+)/)[1].to_i
      shown(/ready after/)
      @url = @text[%r{http://\S+}]
    end

    def shown(pattern)
      Timeout.timeout(15) { @text << @terminal.readpartial(4096) until @text.match?(pattern) }
      @text.match(pattern)
    rescue Timeout::Error
      raise "no #{pattern.inspect} in:\n#{@text}"
    end

    def ended
      Timeout.timeout(15) { loop { @text << @terminal.readpartial(4096) } }
    rescue Errno::EIO
      Process.wait2(@pid)[1]
    end

    def state(pid) = File.read("/proc/#{pid}/stat").rpartition(")").last.split.first

    it "Ctrl-C reaches the application once, and ends both" do
      start_in_terminal(RbConfig.ruby, Supervised::APP)
      @input.write("\x03")
      expect(ended.exitstatus).to eq(143)
      expect(@text.scan("app got INT").length).to eq(1)
    end

    it "a second Ctrl-C ends both at once" do
      start_in_terminal(RbConfig.ruby, Supervised::APP, env: { "ON_TERM" => "IGNORE" })
      @input.write("\x03")
      shown(/Stopping/)
      @input.write("\x03")
      expect(ended.exitstatus).to eq(130)
    end

    it "Ctrl-Z in a shell stops both, and both go on after fg" do
      command = [*Supervised::PROXY, "run", "-b", "http://127.0.0.1:0", "--", RbConfig.ruby, Supervised::APP]
      File.write("#{directory}/run", "exec #{Shellwords.join(command)}\n")
      @text = +""
      @terminal, @input, @pid = PTY.spawn(Supervised::CLEAN, "bash", "--norc", "--noprofile", "-i", chdir: directory)
      @input.puts("sh run")
      proxy, @app = [/\(PID (\d+)\)/, /starts as PID (\d+)/].map { |pattern| shown(pattern)[1].to_i }
      shown(/ready after/)
      @input.write("\x1a")
      eventually { expect([proxy, @app].map { |pid| state(pid) }).to eq(%w[T T]) }
      @input.puts("fg")
      expect(RawClient.request(@text[%r{http://\S+}], "GET", "/").body).to eq("pid #{@app}")
      @input.write("\x03")
      shown(/app got INT/)
      eventually(limit: 10) { expect(running?(proxy)).to be(false) }
    end

    it "binding.irb in a request of Puma takes what is typed" do
      File.write("#{directory}/.irbrc", "IRB.conf[:USE_MULTILINE] = IRB.conf[:USE_READLINE] = false\n")
      File.write("#{directory}/config.ru", <<~RUBY)
        require "irb"
        run ->(env) { answer = 1; binding.irb; [200, {}, ["typed \#{answer}"]] }
      RUBY
      port = FreePorts.one
      start_in_terminal("puma", "-b", "tcp://127.0.0.1:#{port}", env: { "HOME" => directory, "IRBRC" => nil })
      response = in_background { RawClient.request(@url, "GET", "/", limit: 20) }
      shown(/irb\(.*> ?/)
      @input.puts("answer = 6 * 7", "exit")
      expect(response.value.body).to eq("typed 42")
    end
  end
end
