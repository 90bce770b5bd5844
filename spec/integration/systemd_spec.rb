# frozen_string_literal: true

require "open3"
require "socket"
require "support/integration"

RSpec.describe "examples/systemd/proxy.service" do
  example = File.expand_path("../../examples/systemd/proxy.service", __dir__)

  def settings(text) = text.lines(chomp: true).grep(/\A[A-Z]\w+=/).map { |line| line.split("=", 2) }

  def setting(name, text) = settings(text).filter_map { |key, value| value if key == name }

  let(:text) { File.read(example) }

  # The unit as it is, but for where the command stands.
  def unit
    path = "#{directory}/proxy.service"
    File.write(path, text.gsub("/usr/local/bin/proxy", ProxyProcess::EXE))
    path
  end

  it "runs a command line that the command takes" do
    command = setting("ExecStart", text).fetch(0).split
    File.write("#{directory}/Proxyfile", "bind 'http://127.0.0.1:0'\nstatic_response body: 'ok'\n")
    arguments = command.drop(1).map { |word| word == "/etc/proxy/Proxyfile" ? "#{directory}/Proxyfile" : word }
    process = ChildProcess.new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, *arguments)
    process.await_output(/Ctrl-C/)
    process.signal(setting("ExecReload", text).fetch(0)[/kill -(\w+) \$MAINPID/, 1])
    process.await_output(/^Reloaded/)
    process.signal(:TERM)
    expect(process.wait.exitstatus).to eq(0)
  ensure
    process&.stop
  end

  it "waits longer for the end than the proxy for requests in flight, and knows no setting twice" do
    expect(Integer(setting("TimeoutStopSec", text).fetch(0)))
      .to be > Proxy::Native.defaults.dig(:server, :shutdown_timeout, :value) + 5
    expect(settings(text).map(&:first).tally.select { |_, count| count > 1 }.keys).to eq(%w[SystemCallFilter])
  end

  it "is what systemd understands, and shuts off what can be" do
    unless system("systemd-analyze", "--version", out: File::NULL, err: File::NULL)
      skip "there is no systemd-analyze here"
    end

    out, status = Open3.capture2e("systemd-analyze", "verify", unit)
    # It also reads the units that are installed here.
    expect([out.lines.grep_v(%r{\A/(?:usr/)?lib/systemd/}), status.exitstatus]).to eq([[], 0])
    out, status = Open3.capture2e("systemd-analyze", "security", "--offline=yes", "--threshold=20", unit)
    expect(status).to be_success, out
  end

  describe "its Type=notify" do
    def start(address, text = "static_response body: 'ok'\n")
      start_proxy_process(text, environment: { "NOTIFY_SOCKET" => address })
    end

    def heard(socket)
      raise Wire::Late, "nothing was heard" unless socket.wait_readable(10)

      socket.recv(4096)
    end

    it "hears of the start once the addresses are bound, of reloads, good ones and others, and of the stop" do
      ["@proxy-spec-#{Process.pid}", "#{directory}/notify"].each do |address|
        socket = Socket.new(:UNIX, :DGRAM)
        socket.bind(Socket.sockaddr_un(address.sub("@", "\0")))
        proxy = start(address)
        expect(heard(socket)).to eq("READY=1")
        proxyfile = "/proc/#{proxy.process.pid}/cwd/Proxyfile"
        before = File.read(proxyfile)
        [before, "nonsense\n"].each do |text|
          File.write(proxyfile, text)
          proxy.process.signal(:HUP)
          expect(heard(socket)).to match(/\ARELOADING=1\nMONOTONIC_USEC=\d+\z/)
          expect(heard(socket)).to eq("READY=1")
        end
        proxy.process.signal(:TERM)
        expect(heard(socket)).to eq("STOPPING=1")
        expect(proxy.process.wait.exitstatus).to eq(0)
      ensure
        socket&.close
      end
    end

    it "is no reason to end where nobody listens" do
      proxy = start("#{directory}/nobody")
      expect(proxy.get.body).to eq("ok")
      proxy.process.signal(:TERM)
      expect(proxy.process.wait.exitstatus).to eq(0)
    end
  end
end
