# frozen_string_literal: true

require "open3"
require "socket"
require "support/hand_over"

RSpec.describe "examples/systemd/proxy.service" do
  example = File.expand_path("../../examples/systemd/proxy.service", __dir__)

  def settings(text) = text.lines(chomp: true).grep(/\A[A-Z]\w+=/).map { |line| line.split("=", 2) }

  def setting(name, text) = settings(text).filter_map { |key, value| value if key == name }

  let(:text) { File.read(example) }

  # The unit as it is, but for where the command stands.
  def unit
    FileUtils.cp(File.expand_path("../../examples/systemd/proxy.socket", __dir__), directory)
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

    out, status = Open3.capture2e("systemd-analyze", "verify", unit, "#{directory}/proxy.socket")
    # It also reads the units that are installed here.
    expect([out.lines.grep_v(%r{\A/(?:usr/)?lib/systemd/}), status.exitstatus]).to eq([[], 0])
    out, status = Open3.capture2e("systemd-analyze", "security", "--offline=yes", "--threshold=20", unit)
    expect(status).to be_success, out
  end

  describe "its Type=notify" do
    include HandOver

    def notifications(address)
      Socket.new(:UNIX, :DGRAM).tap { |socket| socket.bind(Socket.sockaddr_un(address.sub("@", "\0"))) }
    end

    # The next message that is of none of these kinds.
    def heard(socket, except: /\ASTATUS=/)
      loop do
        raise Wire::Late, "nothing was heard" unless socket.wait_readable(10)

        message = socket.recv(4096)
        return message unless message.match?(except)
      end
    end

    it "hears of the start once the addresses are bound, of reloads, good ones and others, and of the stop" do
      ["@proxy-spec-#{Process.pid}", "#{directory}/notify"].each do |address|
        socket = notifications(address)
        start("static_response body: 'ok'", environment: { "NOTIFY_SOCKET" => address })
        expect(heard(socket)).to eq("READY=1\nMAINPID=#{current}")
        ["static_response body: 'new'", "nonsense"].each do |text|
          rewrite(text)
          kill(:HUP, current)
          expect(heard(socket)).to match(/\ARELOADING=1\nMONOTONIC_USEC=\d+\z/)
          expect(heard(socket)).to eq("READY=1\nMAINPID=#{current}")
        end
        kill(:TERM, current)
        expect(heard(socket)).to eq("STOPPING=1")
        expect(process.wait.exitstatus).to eq(0)
      ensure
        socket&.close
      end
    end

    it "hears of a new process in the place of the old one, and of nothing that the old one does from then on" do
      socket = notifications("#{directory}/notify")
      start("static_response body: 'ok'", environment: { "NOTIFY_SOCKET" => "#{directory}/notify" })
      expect(heard(socket)).to eq("READY=1\nMAINPID=#{current}")
      2.times do
        hand_over
        expect([heard(socket), heard(socket)]).to eq(["READY=1\nMAINPID=#{current}", "MAINPID=#{current}"])
      end
      expect(first_status).to eq(0)
      kill(:HUP, current)
      expect([heard(socket), heard(socket)])
        .to match([start_with("RELOADING=1"), "READY=1\nMAINPID=#{current}"])
      kill(:TERM, current)
      expect(heard(socket)).to eq("STOPPING=1")
    ensure
      socket&.close
    end

    it "hears how the backends are, when that changes" do
      good = backend_answering("good")
      other = refusing_backend
      socket = notifications("#{directory}/notify")
      start("proxy backends: #{[good, other].map { |backend| backend.address.to_s }}, " \
            "health_check: { path: '/', interval: 0.1, fall: 1 }",
            environment: { "NOTIFY_SOCKET" => "#{directory}/notify" })
      expect(heard(socket, except: /\A(?!STATUS=1 backend up, 1 down\z)/)).to be_a(String)
      good.stop
      expect(heard(socket, except: /\A(?!STATUS=2 backends down\z)/)).to be_a(String)
    ensure
      socket&.close
    end

    it "hears twice in the time of WatchdogSec that the engine is not stuck" do
      socket = notifications("#{directory}/notify")
      start("static_response body: 'ok'",
            environment: { "NOTIFY_SOCKET" => "#{directory}/notify", "WATCHDOG_USEC" => "400000" })
      3.times { expect(heard(socket, except: /\A(?!WATCHDOG)/)).to eq("WATCHDOG=1") }
    ensure
      socket&.close
    end

    # All messages from now on, each with the number of the process that has sent it.
    def signed(socket)
      socket.setsockopt(:SOCKET, :PASSCRED, true)
      messages = Queue.new
      in_background do
        loop do
          message, _, _, *controls = socket.recvmsg
          messages << [message, controls.find { |data| data.cmsg_is?(:SOCKET, :CREDENTIALS) }.data.unpack1("i")]
        end
      end
      messages
    end

    it "hears no sign of life of the old process once another one serves, though it still has a request" do
      backend = start_backend do |connection|
        connection.read_request
        @answers.pop
        connection.answer("finished")
      end
      @answers = Queue.new
      socket = notifications("#{directory}/notify")
      messages = signed(socket)
      start("proxy backends: [#{backend.address.inspect}]",
            environment: { "NOTIFY_SOCKET" => "#{directory}/notify", "WATCHDOG_USEC" => "200000" })
      answer = in_background { get.body }
      backend.await_requests(1)
      old = current
      hand_over
      nil until messages.pop == ["MAINPID=#{current}", old]
      heard = []
      heard << messages.pop until heard.count(["WATCHDOG=1", current]) == 10
      expect(alive?(old)).to be(true)
      expect(heard.map(&:last).uniq).to eq([current])
      @answers << true
      expect(answer.value).to eq("finished")
      expect(first_status).to eq(0)
    ensure
      socket&.close
    end

    it "hears of the start also if it has much to read before that" do
      require "proxy/cli"
      socket = notifications("#{directory}/notify")
      Socket.open(:UNIX, :DGRAM) do |other|
        other.connect(Socket.sockaddr_un("#{directory}/notify"))
        nil until other.sendmsg_nonblock("STATUS=busy", exception: false) == :wait_writable
      end
      notifier = Proxy::CLI::Serving.const_get(:Notifier).new("#{directory}/notify")
      telling = in_background { notifier.ready }
      eventually { expect(telling.status).to eq("sleep") }
      expect(heard(socket)).to eq("READY=1\nMAINPID=#{Process.pid}")
    ensure
      socket&.close
    end

    it "is no reason to end where nobody listens" do
      start("static_response body: 'ok'", environment: { "NOTIFY_SOCKET" => "#{directory}/nobody" })
      expect(get.body).to eq("ok")
      kill(:TERM, current)
      expect(process.wait.exitstatus).to eq(0)
    end
  end
end
