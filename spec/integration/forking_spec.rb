# frozen_string_literal: true

require "open3"
require "support/integration"
require "support/free_ports"

# A child that a program forks while a server runs has none of its sockets.
RSpec.describe "forking" do
  # Ways to make a child that goes on until it is ended, each with the block that runs in it.
  ways = {
    "fork with a block" => ->(work) { fork { work.call } },
    "fork without a block" => lambda { |work|
      pid = fork
      pid || (work.call && exit!(0))
    },
    "Process.fork" => ->(work) { Process.fork { work.call } },
    "IO.popen('-')" => lambda { |work|
      io = IO.popen("-", "r+")
      io ? (@pipes ||= []).push(io).last.pid : (work.call && exit!(0))
    },
    "spawn" => ->(_) { spawn("sleep", "60") },
    "IO.popen" => ->(_) { IO.popen(%w[sleep 60]).tap { |io| (@pipes ||= []) << io }.pid }
  }

  def child(way)
    (@children ||= []).push(instance_exec(-> { sleep }, &way)).last
  end

  after do
    @children&.each do |pid|
      Process.kill(:KILL, pid)
      Process.wait(pid)
    rescue Errno::ECHILD
      nil
    end
    @pipes&.each(&:close)
  end

  # How often the inodes of sockets stand in a process.
  def sockets(pid)
    Dir.children("/proc/#{pid}/fd").filter_map do |fd|
      File.readlink("/proc/#{pid}/fd/#{fd}")[/\Asocket:.*/]
    rescue Errno::ENOENT
      nil
    end
  end

  # The program's own sockets, which a child keeps: those that Ruby knows.
  def own_sockets
    ObjectSpace.each_object(BasicSocket).filter_map do |socket|
      "socket:[#{socket.stat.ino}]" unless socket.closed?
    rescue IOError
      nil
    end
  end

  def refused?(url)
    RawClient.connect(url).close
    false
  rescue Errno::ECONNREFUSED
    true
  end

  ways.each do |name, way|
    describe name do
      it "leaves a child without listeners, client and backend connections" do
        backend = backend_answering("ok")
        proxy = start_proxy { proxy backends: [backend.address] }
        client = proxy.connect
        expect(client.get.body).to eq("ok")
        own = own_sockets
        pid = child(way)
        eventually(limit: 10) { expect(sockets(pid) - own - own_sockets).to eq([]) }
        expect(client.get.body).to eq("ok")
        expect(proxy.get.body).to eq("ok")
      end

      it "lets a stopped port be refused and bound again" do
        proxy = start_proxy { static_response body: "ok" }
        url = proxy.url
        child(way)
        expect(proxy.get.body).to eq("ok")
        proxy.server.stop
        expect(refused?(url)).to be(true)
        again = start_proxy(bind: url) { static_response body: "again" }
        expect(again.get.body).to eq("again")
      end
    end
  end

  it "lets an address that a reload leaves out be refused" do
    first, second = FreePorts.take(2).map { |port| "http://127.0.0.1:#{port}" }
    proxy = start_proxy(bind: first) do
      bind second
      static_response body: "ok"
    end
    child(ways["fork with a block"])
    proxy.server.reload do
      bind first
      static_response body: "ok"
    end
    expect([refused?(first), refused?(second)]).to eq([false, true])
  end

  it "lets a client see the end of its connection, of an idle one and of one in HTTP/2 too" do
    proxy = start_proxy do
      keepalive_timeout 0.5
      static_response body: "ok"
    end
    closing, idle = proxy.connect, proxy.connect
    [closing, idle].each(&:get)
    child(ways["fork with a block"])
    closing.send_request("GET", "/", { "Connection" => "close" })
    expect(closing.read_response.body).to eq("ok")
    [closing, idle].each { |client| Timeout.timeout(10) { expect(client.io.read).to eq("") } }
  end

  # The child has this test's own sockets too, so it closes those: what ends is for the engine to show.
  { "HTTP/1.0" => Errno::ECONNRESET, "HTTP/1.1" => nil }.each do |version, error|
    it "lets a client of #{version} see that a response was cut short" do
      ended = Queue.new
      backend = start_backend do |connection|
        connection.read_request
        connection.io.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        ended.pop
        connection.io.close
      end
      proxy = start_proxy { proxy backends: [backend.address] }
      socket = TCPSocket.new("127.0.0.1", URI(proxy.url).port)
      socket.write("GET / #{version}\r\nHost: a\r\n\r\n")
      text = +""
      text << socket.readpartial(4096) until text.include?("ok")
      ready, tell = IO.pipe
      (@children ||= []) << fork do
        ObjectSpace.each_object(BasicSocket) { |own| own.close rescue nil }
        tell.write(".")
        sleep
      end
      ready.read(1)
      ended << true
      rest = -> { Timeout.timeout(10) { socket.read } }
      error ? expect(&rest).to(raise_error(error)) : expect(rest.call).to(eq(""))
    ensure
      socket&.close
    end
  end

  it "lets a backend see the end of connections that the pool gives up" do
    backend = start_backend { |connection| connection.answer("ok") while connection.read_request }
    proxy = start_proxy { proxy backends: [backend.address], keepalive_timeout: 0.3 }
    expect(proxy.get.body).to eq("ok")
    backend.await_open_connections(1)
    (@children ||= []) << fork do
      ObjectSpace.each_object(BasicSocket) { |own| own.close rescue nil }
      sleep
    end
    backend.await_open_connections(0, limit: 15)
  end

  # Clients in another process and a backend that is an engine's too, so that every socket there is comes and goes in
  # engines.
  it "leaves a child without sockets whatever happens meanwhile" do
    backend = start_proxy { static_response body: "ok" }
    address = URI(backend.url).then { |url| "#{url.host}:#{url.port}" }
    proxy = start_proxy(threads: 2) { proxy backends: [address], keepalive: 0 }
    script = <<~RUBY
      require "socket"
      Array.new(3) { Thread.new { loop { TCPSocket.open("127.0.0.1", #{URI(proxy.url).port}) { |client|
        client.write("GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
        abort "wrong" unless client.read.end_with?("ok") } } } }.each(&:join)
    RUBY
    load = ChildProcess.new(RbConfig.ruby, "-e", script)
    eventually(limit: 20) { expect(proxy.stats[:requests][:total]).to be > 10 }
    left = Array.new(30) do
      reader, writer = IO.pipe
      pid = fork do
        ObjectSpace.each_object(BasicSocket) do |own|
          own.close
        rescue IOError
          nil
        end
        writer.write(sockets("self").length)
        exit!(0)
      end
      writer.close
      Process.wait(pid)
      reader.read
    end
    expect(left).to eq(["0"] * 30)
    before = proxy.stats[:requests][:total]
    eventually(limit: 20) { expect(proxy.stats[:requests][:total]).to be > before + 10 }
    expect(load.signal(0)).to eq(1)
    expect(proxy.stats[:requests][:status_5xx]).to eq(0)
  ensure
    load&.stop
  end

  it "lets a daemon go on without the sockets" do
    script = <<~RUBY
      server = Proxy.start { bind "http://127.0.0.1:0"; static_response body: "ok" }
      reader, writer = IO.pipe
      puts server.urls.first
      $stdout.flush
      Process.daemon(true, true)
      sockets = Dir.children("/proc/self/fd").count { |fd| File.readlink("/proc/self/fd/\#{fd}").start_with?("socket:") rescue false }
      puts sockets, server.stopped?, server.stop
      server = Proxy.start { bind server.urls.first || "http://127.0.0.1:0"; static_response body: "daemon" }
      puts Net::HTTP.get(URI(server.urls.first))
      server.stop
    RUBY
    out, = Open3.capture2e(RbConfig.ruby, "-I#{ProxyProcess::LIB}", "-rproxy", "-rnet/http", "-e", script)
    expect(out.lines(chomp: true).drop(1)).to eq(["0", "true", "true", "daemon"])
  end

  it "lets a child start a server, fork itself and end in the ordinary way" do
    parent = start_proxy { static_response body: "parent" }
    reader, writer = IO.pipe
    pid = fork do
      server = RunningProxy.new { static_response body: "child" }.server
      grandchild = fork { sleep }
      body = RawClient.request(server.urls.first, "GET", "/").body
      server.stop
      ended = refused?(server.urls.first)
      Process.kill(:KILL, grandchild)
      Process.wait(grandchild)
      writer.write([body, ended, parent.server.stopped?].join(" "))
      exit!(0)
    end
    writer.close
    expect(reader.read).to eq("child true true")
    Process.wait(pid)
    expect(parent.get.body).to eq("parent")
  end
end
