# frozen_string_literal: true

require "net/http"
require "socket"
require "rbconfig"
require "timeout"
require "support/free_ports"

RSpec.describe Proxy::Server, :binding do
  # A server that answers by itself, stopped after the example.
  def start(&block)
    block ||= proc { |config| config.static_response body: "hello" }
    @servers << Proxy.start do |config|
      config.bind "http://127.0.0.1:0"
      config.threads 1
      block.call(config)
    end
    @servers.last
  end

  # A backend whose only answer waits until it is told.
  def slow_backend
    listener = TCPServer.new("127.0.0.1", 0)
    asked = Queue.new
    answer = Queue.new
    @threads << Thread.new do
      socket = listener.accept
      nil until socket.gets == "\r\n"
      asked << true
      answer.pop
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
    ensure
      socket&.close
      listener.close
    end
    ["127.0.0.1:#{listener.addr[1]}", asked, answer]
  end

  def in_child
    reader, writer = IO.pipe
    pid = fork do
      reader.close
      writer.write(Marshal.dump(yield))
      writer.close
      exit!(0)
    end
    writer.close
    Marshal.load(reader.read).tap { Process.wait(pid) }
  end

  def get(server)
    Net::HTTP.get_response(URI("#{server.urls.first}/"))
  end

  around do |example|
    @servers = []
    @threads = []
    example.run
  ensure
    @threads.each(&:kill)
    @servers.each { |server| server.stop(timeout: 0) }
  end

  it "returns at once and says which port it took" do
    server = start

    expect(server.urls).to match([%r{\Ahttp://127\.0\.0\.1:[1-9]\d*\z}])
    expect(server).not_to be_stopped
    expect(get(server).body).to eq("hello")
  end

  it "runs several servers in a process" do
    bodies = %w[one two].map { |body| get(start { |config| config.static_response body: body }).body }

    expect(bodies).to eq(%w[one two])
  end

  it "listens on the addresses that are given beside the configuration" do
    server = Proxy.start(binds: ["http://127.0.0.1:0", "http://127.0.0.1:0"]) do
      bind "http://127.0.0.1:1"; static_response body: ""
    end
    @servers << server

    expect(server.urls.length).to eq(2)
    expect(server.urls).not_to include("http://127.0.0.1:1")
  end

  it "counts what it did, under Symbols" do
    server = start
    3.times { get(server) }
    server.stop

    expect(server.stats)
      .to include(connections: include(accepted: 3), requests: include(total: 3, status_2xx: 3), backends: [])
  end

  it "lists the figures of every backend" do
    server = start { |config| config.proxy backends: ["127.0.0.1:1"], retries: 0 }
    get(server)
    server.stop

    expect(server.stats[:backends]).to match([include(address: "127.0.0.1:1", requests: 1, failures: 1, in_flight: 0)])
  end

  it "stops, and is refused thereafter" do
    server = start
    uri = URI(server.urls.first)

    expect(server.stop).to be(true)
    expect(server).to be_stopped
    expect { TCPSocket.new(uri.host, uri.port) }.to raise_error(Errno::ECONNREFUSED)
  end

  it "can be stopped again, and keeps its figures" do
    server = start
    get(server)
    server.stop

    expect(server.stop(timeout: 0)).to be(true)
    expect(server.stats[:requests][:total]).to eq(1)
    expect(server.urls.length).to eq(1)
  end

  it "lets a request in flight finish, and says so" do
    address, asked, answer = slow_backend
    server = start { |config| config.proxy backends: [address] }
    response = Thread.new { get(server) }
    asked.pop
    stopped = Thread.new { server.stop(timeout: 10) }
    stopped.join(0.1)
    answer << true

    expect(response.value.body).to eq("slow")
    expect(stopped.value).to be(true)
  end

  it "cuts what is left after the timeout, and says so" do
    address, asked, = slow_backend
    server = start { |config| config.proxy backends: [address] }
    response = Thread.new { get(server) rescue $!.class }
    asked.pop

    expect(server.stop(timeout: 0.1)).to be(false)
    expect(server).to be_stopped
    response.join
  end

  it "can be stopped by a signal handler" do
    server = start
    stopped = nil
    before = trap("USR2") { stopped = server.stop }
    Process.kill("USR2", Process.pid)
    server.wait
    Thread.pass until stopped

    expect([stopped, server.stopped?]).to eq([true, true])
  ensure
    trap("USR2", before)
  end

  it "takes any time as the timeout" do
    expect([start.stop(timeout: 1e300), start.stop(timeout: 0.5r)]).to eq([true, true])
  end

  it "refuses a timeout that is not a valid number of seconds" do
    server = start

    expect { server.stop(timeout: -1) }
      .to raise_error(ArgumentError, "timeout: -1 is not a valid number of seconds: write 0 or more, such as 30")
    expect(server).not_to be_stopped
  end

  it "lets other threads run while one waits for its end" do
    server = start
    waiting = Thread.new { server.wait }
    Thread.pass until waiting.status == "sleep"

    expect(get(server).body).to eq("hello")
    server.stop
    expect(waiting.value).to be(server)
  end

  it "stops waiting when the thread is killed, and goes on serving" do
    server = start
    waiting = Thread.new { server.wait }
    Thread.pass until waiting.status == "sleep"
    waiting.kill

    expect(waiting.join(5)).to be(waiting)
    expect(get(server).body).to eq("hello")
  end

  it "stops waiting when a timeout runs out" do
    server = start

    expect { Timeout.timeout(0.1) { server.wait } }.to raise_error(Timeout::Error)
    expect(server).not_to be_stopped
  end

  it "stops waiting on a signal that raises, and goes on after one that does not" do
    server = start
    seen = Queue.new
    before = trap("USR2") { seen << true }
    waiting = Thread.new { server.wait }.tap { |thread| thread.report_on_exception = false }
    Thread.pass until waiting.status == "sleep"
    Process.kill("USR2", Process.pid)
    seen.pop

    expect(waiting).to be_alive
    waiting.raise(Interrupt)
    expect { waiting.value }.to raise_error(Interrupt)
  ensure
    trap("USR2", before || "DEFAULT")
  end

  it "keeps running when nothing refers to it" do
    url = Proxy.start { |config| config.bind("http://127.0.0.1:0"); config.static_response(body: "still here") }.urls
               .first
    GC.start
    body = Net::HTTP.get(URI(url))
    @servers.concat(ObjectSpace.each_object(described_class).reject(&:stopped?))

    expect(body).to eq("still here")
  end

  it "is stopped in a forked child, where stop does nothing to the parent's" do
    server = start
    stats = start.stats
    seen = in_child { [server.stopped?, server.stop, server.wait.equal?(server), server.stats.keys, server.urls] }

    expect(seen).to eq([true, true, true, stats.keys, server.urls])
    expect(server).not_to be_stopped
    expect(get(server).body).to eq("hello")
  end

  it "survives the finaliser of a forked child's copy" do
    script = <<~RUBY
      server = Proxy.start { |config| config.bind("http://127.0.0.1:0"); config.static_response(body: "hello") }
      # The child ends in the ordinary way, so every finaliser runs.
      _, status = Process.wait2(fork { exit(server.stopped? ? 7 : 1) })
      puts status.exitstatus, server.stopped?, Net::HTTP.get(URI(server.urls.first))
    RUBY
    seen = IO.popen([RbConfig.ruby, "-Ilib", "-rproxy", "-rnet/http", "-e", script], &:read)

    expect(seen).to eq("7\nfalse\nhello\n")
  end

  # Threads of the parent sleep while it forks, some of them in the access log: none of that may be met in the child,
  # where their memory belongs to others. Not once more under the garbage collector's stress, where eighty starts take
  # minutes.
  it "can be started in forked children, time and again", binding: false do
    6.times { start { |config| config.access_log("{path}", to: File::NULL); config.static_response(body: "parent") } }
    bodies = Array.new(20) do
      in_child do
        servers = Array.new(4) do
          Proxy.start { |config| config.bind("http://127.0.0.1:0"); config.static_response(body: "child") }
        end
        servers.map { |server| get(server).body }.tap do
          servers.map { |server| Thread.new { server.stop } }.each(&:join)
        end
      end
    end

    expect(bodies.flatten).to eq(["child"] * 80)
  end

  it "can be started in a forked child" do
    start
    body = in_child do
      server = Proxy.start { |config| config.bind("http://127.0.0.1:0"); config.static_response(body: "child") }
      get(server).body.tap { server.stop }
    end

    expect(body).to eq("child")
  end

  it "raises BindError with the line and the URL when an address is in use, and leaves nothing bound" do
    taken = TCPServer.new("127.0.0.1", 0)
    free = FreePorts.one
    url = "http://127.0.0.1:#{taken.addr[1]}"
    attempt = lambda do
      Proxy.start do
        bind "http://127.0.0.1:#{free}"
        bind url
        static_response body: ""
      end
    end

    expect(&attempt).to raise_error(Proxy::BindError) { |error|
      expect(error.message).to match(/\A#{Regexp.escape(__FILE__)}:#{__LINE__ - 6}: bind: .*#{Regexp.escape(url)}/)
      expect(error.message.scan(url).length).to eq(1)
      expect(error.problems.length).to eq(1)
    }
    TCPServer.new("127.0.0.1", free).close
  ensure
    taken&.close
  end

  it "names itself when inspected" do
    server = start
    running = server.inspect
    server.stop

    expect([running, server.inspect]).to eq(["#<Proxy::Server #{server.urls.first}>", "#<Proxy::Server stopped>"])
  end
end
