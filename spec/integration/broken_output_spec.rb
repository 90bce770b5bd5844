# frozen_string_literal: true

require "io/nonblock"
require "pty"
require "support/integration"
require "support/free_ports"

# Whatever standard output and standard error are, serving, reloads, the stop and the exit status are the same.
RSpec.describe "output that is gone" do
  # Says something on both outputs and in the log, at every stage.
  talkative = <<~RUBY
    log_level "debug"
    bind "http://127.0.0.1:0"
    access_log "combined"
    location("/refused") { proxy backends: ["127.0.0.1:1"] }
  RUBY
  let(:talkative) { talkative }

  # Starts the command with these outputs, and says where it listens as soon as it can be connected to.
  def start_command(proxyfile, *wrapper, **outputs)
    port = FreePorts.one
    @url = "http://127.0.0.1:#{port}"
    File.write("#{directory}/Proxyfile", proxyfile.sub("http://127.0.0.1:0", @url))
    command = [RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE]
    @pid = Process.spawn(*wrapper, *command, chdir: directory, in: File::NULL, **outputs)
    eventually(limit: 20) { expect(get("/ok")).to eq("ok") }
  end

  def get(path)
    RawClient.request(@url, "GET", path).body
  rescue SystemCallError
    nil
  end

  # Seconds until it has ended, and its exit status.
  def finish(signal)
    status = nil
    took = seconds { Process.kill(signal, @pid) && (status = Timeout.timeout(20) { Process.wait2(@pid)[1] }) }
    @pid = nil
    [took, status.exitstatus]
  end

  after do
    next unless @pid

    Process.kill(:KILL, @pid)
    Process.wait(@pid)
  end

  # Requests, reloads that work and that do not, new log files, and at the end a request in flight.
  def expect_a_whole_life
    backend = start_backend do |connection|
      connection.read_request
      @answers.pop
      connection.answer("finished")
    end
    @answers = Queue.new
    text = "#{talkative}location('/ok') { static_response body: 'ok' }\nproxy backends: ['#{backend.address}']\n"
    yield text
    20.times { get("/refused") }
    Process.kill(:USR1, @pid)
    File.write("#{directory}/Proxyfile", "nonsense\n")
    Process.kill(:HUP, @pid)
    expect(get("/ok")).to eq("ok")
    File.write("#{directory}/Proxyfile", text.sub("http://127.0.0.1:0", @url).sub("'ok' }", "'new' }"))
    eventually(limit: 20) { Process.kill(:HUP, @pid) && sleep(0.1) && expect(get("/ok")).to(eq("new")) }
    answer = in_background { get("/slow") }
    backend.await_requests(1)
    ending = in_background { finish(:TERM) }
    @answers << true
    expect(answer.value).to eq("finished")
    took, status = ending.value
    expect(status).to eq(0)
    expect(took).to be < 10
  end

  it "changes nothing when both are closed at the start" do
    expect_a_whole_life { |text| start_command(text, "bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash") }
  end

  { "standard input" => "<&-", "standard output" => ">&-", "standard error" => "2>&-" }.each do |what, closed|
    it "changes nothing when #{what} alone is closed at the start" do
      expect_a_whole_life do |text|
        start_command(text, "bash", "-c", "exec \"$@\" #{closed}", "bash", out: File::NULL, err: File::NULL)
        # Its number stands for nothing else, which would get what is printed: Ruby opens a pipe there without another
        # end, or it is /dev/null.
        places = open_files
        place = places.fetch({ "<&-" => "0", ">&-" => "1", "2>&-" => "2" }.fetch(closed))
        expect(place == File::NULL || (place.start_with?("pipe:") && places.values.one?(place))).to be(true), place
      end
    end
  end

  it "changes nothing when the disk is full" do
    expect_a_whole_life { |text| start_command(text, out: "/dev/full", err: "/dev/full") }
  end

  it "changes nothing when their reader has gone" do
    expect_a_whole_life do |text|
      reader, writer = IO.pipe
      start_command(text, out: writer, err: writer)
      writer.close
      reader.close
    end
  end

  it "changes nothing when nobody reads" do
    reader, writer = IO.pipe
    expect_a_whole_life do |text|
      # Not one byte more fits.
      fill(writer)
      start_command(text, out: writer, err: writer)
    end
  ensure
    [reader, writer].each { |io| io&.close }
  end

  it "changes nothing when the terminal has gone" do
    expect_a_whole_life do |text|
      terminal, slave = PTY.open
      start_command(text, out: slave, err: slave)
      slave.close
      terminal.close
    end
  end

  it "counts the lines that were lost and says so once it can" do
    reader, writer = IO.pipe
    fill(writer)
    start_command("#{talkative}static_response body: 'ok'\n", out: File::NULL, err: writer)
    3000.times { get("/refused") }
    said = +""
    in_background { loop { said << reader.readpartial(65_536) } }
    eventually(limit: 20) do
      get("/refused") && expect(said)
        .to(match(/warn \d+ lines of the log are missing here: they could not be written$/))
    end
    expect(finish(:TERM)[1]).to eq(0)
  ensure
    [reader, writer].each { |io| io&.close }
  end

  it "ends at once on a second signal although nobody reads" do
    reader, writer = IO.pipe
    fill(writer)
    backend = start_backend { |connection| connection.read_request && Queue.new.pop }
    proxyfile = "location('/ok') { static_response body: 'ok' }\nproxy backends: ['#{backend.address}']\n"
    start_command("#{talkative}#{proxyfile}", out: writer, err: writer)
    in_background { get("/slow") }
    backend.await_requests(1)
    Process.kill(:TERM, @pid)
    sleep 0.2
    expect(finish(:TERM)[1]).to eq(128 + Signal.list["TERM"])
  ensure
    [reader, writer].each { |io| io&.close }
  end

  it "leaves the exit status of a check alone" do
    File.write("#{directory}/Proxyfile", "nonsense\n")
    reader, writer = IO.pipe
    reader.close
    command = [RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE]
    [["check", 1], ["start", 1], ["help", 0], ["version", 0]].each do |word, status|
      [writer, "/dev/full"].each do |output|
        system(*command, word, chdir: directory, out: output, err: output)
        expect([word, $?.exitstatus]).to eq([word, status])
      end
    end
  ensure
    writer&.close
  end

  it "does not concern a program that has replaced its own" do
    script = <<~RUBY
      require "stringio"
      $stderr = StringIO.new
      $stdout = StringIO.new
      server = Proxy.start { bind "http://127.0.0.1:0"; access_log "combined"; static_response body: "ok" }
      bodies = [Net::HTTP.get(URI(server.urls.first)), server.reload && Net::HTTP.get(URI(server.urls.first))]
      [$stdin, STDOUT].each(&:close)
      bodies << Net::HTTP.get(URI(server.urls.first)) << server.stop
      exit!(bodies == ["ok", "ok", "ok", true] ? 0 : 1)
    RUBY
    system(RbConfig.ruby, "-I#{ProxyProcess::LIB}", "-rproxy", "-rnet/http", "-e", script, out: "/dev/full",
           err: "/dev/full")
    expect($?.exitstatus).to eq(0)
  end

  # What each descriptor of the command is, by its number.
  def open_files
    Dir.children("/proc/#{@pid}/fd").to_h { |number| [number, File.readlink("/proc/#{@pid}/fd/#{number}")] }
  rescue Errno::ENOENT
    # One was closed meanwhile.
    retry
  end

  # Fills a pipe to its last byte, and leaves it one that blocks.
  def fill(writer)
    [4096, 1].each { |size| nil until writer.write_nonblock("x" * size, exception: false) == :wait_writable }
    writer.nonblock = false
  end
end
