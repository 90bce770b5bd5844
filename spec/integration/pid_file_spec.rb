# frozen_string_literal: true

require "support/integration"

RSpec.describe "proxy start --pid" do
  def start(*arguments, text: "bind 'http://127.0.0.1:0'\nstatic_response body: 'ok'\n")
    File.write("#{directory}/Proxyfile", text)
    process = ChildProcess
              .new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start", *arguments, chdir: directory)
    (@processes ||= []) << process
    process
  end

  after { @processes&.each(&:stop) }

  def running(*arguments, **options) = start(*arguments, **options).tap { |process| process.await_output(/Ctrl-C/) }

  def path = "#{directory}/proxy.pid"

  # Its output and its exit status.
  def refused(*arguments, **options)
    process = start(*arguments, **options)
    status = process.wait.exitstatus
    [process.output, status]
  end

  it "says in the file who runs, as in the greeting, and removes it at the end" do
    process = running("--pid", "proxy.pid")
    expect(File.read(path)).to eq("#{process.pid}\n")
    expect(process.output).to match(/\Aproxy \S+ \(PID #{process.pid}\) listens on\n/)
    process.signal(:TERM)
    expect(process.wait.exitstatus).to eq(0)
    expect(File.exist?(path)).to be(false)
  end

  it "removes the file when a second signal ends it, and finds it wherever the configuration goes" do
    backend = start_backend { |connection| connection.read_request && Queue.new.pop }
    process = running("--pid", "proxy.pid", text: "Dir.chdir('/')\nbind 'http://127.0.0.1:0'\nproxy backends: " \
                                                  "['#{backend.address}']\n")
    client = RawClient.connect(process.output[%r{http://\S+}])
    client.send_request("GET", "/")
    backend.await_requests(1)
    process.signal(:TERM)
    process.await_output(/Stopping/)
    process.signal(:TERM)
    expect(process.wait.exitstatus).to eq(128 + Signal.list["TERM"])
    expect(File.exist?(path)).to be(false)
  end

  it "writes over the file of a process that is gone, though another has its number by now" do
    File.write(path, "#{Process.pid}\n#{"x" * 100}")
    process = running("--pid", "proxy.pid")
    expect(File.read(path)).to eq("#{process.pid}\n")
    process.signal(:KILL)
    process.wait
    expect(File.read(path)).to eq("#{process.pid}\n")
    again = running("--pid", "proxy.pid")
    expect(File.read(path)).to eq("#{again.pid}\n")
  end

  it "refuses the file of a proxy that runs, before anything is bound" do
    process = running("--pid", "proxy.pid")
    url = process.output[%r{http://\S+}]
    output, status = refused("--pid", "proxy.pid", text: "bind '#{url}'\nstatic_response body: 'other'\n")
    expect(output).to eq("--pid #{path}: a running proxy has written it (PID #{process.pid}): stop that one first, " \
                         "or write another path\nNothing was started.\n")
    expect(status).to eq(1)
    expect(File.read(path)).to eq("#{process.pid}\n")
    expect(RawClient.request(url, "GET", "/").body).to eq("ok")
  end

  it "leaves a file alone that is somebody else's by then" do
    ["other\n", nil].each do |text|
      process = running("--pid", "proxy.pid")
      text ? File.write(path, text) : (File.unlink(path) && File.write(path, "#{process.pid}\n"))
      process.signal(:TERM)
      process.wait
      expect(File.read(path)).to eq(text || "#{process.pid}\n")
      File.unlink(path)
    end
  end

  it "leaves no file behind when nothing is started" do
    taken = TCPServer.new("127.0.0.1", 0)
    expect(refused("--pid", "proxy.pid", text: "bind 'http://127.0.0.1:#{taken.addr[1]}'\nstatic_response body: " \
                                               "''\n").last).to eq(1)
    expect(refused("--pid", "proxy.pid", text: "nonsense").last).to eq(1)
    expect(File.exist?(path)).to be(false)
    File.write(path, "1\n")
    expect(refused("--pid", "proxy.pid", text: "bind 'http://127.0.0.1:#{taken.addr[1]}'\nstatic_response body: " \
                                               "''\n").last).to eq(1)
    expect(File.read(path)).to eq("1\n")
  ensure
    taken&.close
  end

  it "leaves a file alone that holds no process number, such as the configuration" do
    ["bind 'http://127.0.0.1:0'\n", "3x apples\n", "\xFF\x00"].each do |text|
      File.binwrite(path, text)
      output, status = refused("--pid", "proxy.pid")
      expect([output, status])
        .to eq(["--pid #{path}: it holds something other than a process number: write another path, or remove it\n" \
                "Nothing was started.\n", 1])
      expect(File.binread(path)).to eq(text.b)
    end
  end

  it "takes an empty file" do
    File.write(path, "")
    process = running("--pid", "proxy.pid")
    expect(File.read(path)).to eq("#{process.pid}\n")
  end

  it "removes what a link leads to, and not the link" do
    File.symlink("real.pid", path)
    2.times do
      process = running("--pid", "proxy.pid")
      expect(File.read("#{directory}/real.pid")).to eq("#{process.pid}\n")
      process.signal(:TERM)
      process.wait
      expect([File.symlink?(path), File.exist?("#{directory}/real.pid")]).to eq([true, false])
    end
  end

  {
    "in a directory that does not exist" => ["gone/proxy.pid", "the directory does not exist: create it first"],
    "that is a directory" =>
      [".", "it cannot be written (Is a directory): write another path, or give yourself the right to"],
    "on a file system that may not be written" => ["/proc/proxy.pid", "the directory does not exist: create it first"],
    "that is no file" => ["/dev/null", "it is not a regular file: write the path of one"]
  }.each do |what, (path, message)|
    it "says what is wrong with a path #{what}, before anything is bound" do
      output, status = refused("--pid", path)
      expect(output).to eq("--pid #{File.expand_path(path, directory)}: #{message}\nNothing was started.\n")
      expect(status).to eq(1)
    end
  end

  it "says what is wrong with a path that begins with nobody's folder" do
    output, status = refused("--pid", "~nobody-of-that-name/proxy.pid")
    expect(output)
      .to start_with("proxy start: invalid argument: --pid ~nobody-of-that-name/proxy.pid: ")
      .and include(": write the whole path\n")
    expect(status).to eq(64)
  end

  it "takes the path anew when the proxy that had the file removes it in between" do
    require "proxy/cli"
    file = Proxy::CLI::Start.const_get(:PidFile).new(path)
    File.write(path, "1\n")
    removals = [path]
    allow(file).to receive(:lock).and_wrap_original do |lock|
      removals.pop&.then { |gone| File.unlink(gone) }
      lock.call
    end
    file.claim
    file.write
    expect(File.read(path)).to eq("#{Process.pid}\n")
    expect(refused("--pid", "proxy.pid").first).to include("a running proxy has written it (PID #{Process.pid})")
    file.remove
    expect(File.exist?(path)).to be(false)
  end
end
