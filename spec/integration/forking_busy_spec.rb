# frozen_string_literal: true

require "support/integration"
require "support/free_ports"

# Children of a program whose server is busy.
RSpec.describe "forking while the server is busy" do
  # Sockets of this process, as the system lists them: a child that has closed those that Ruby knows has none left.
  def sockets
    Dir.children("/proc/self/fd").filter_map { |fd|
      begin
        File.readlink("/proc/self/fd/#{fd}")[/\Asocket:.*/]
      rescue Errno::ENOENT
        nil
      end
    }
  end

  def close_own_sockets
    ObjectSpace.each_object(BasicSocket) do |socket|
      socket.close
    rescue IOError
      nil
    end
  end

  # Runs the block in a forked child, without the sockets of this program, and returns what it returns.
  def in_child
    reader, writer = IO.pipe
    pid = fork do
      close_own_sockets
      writer.write(Marshal.dump(yield))
      writer.close
      exit!(0)
    end
    writer.close
    Marshal.load(reader.read).tap { Process.wait(pid) }
  ensure
    reader&.close
  end

  # A script in a process of its own, which goes on when it reads a line from `tell`.
  def ruby(script, *arguments)
    input, @tell = IO.pipe
    ChildProcess.new(RbConfig.ruby, "-rsocket", "-e", script, *arguments, in: input)
  ensure
    input&.close
  end

  def tell = @tell.write("\n")

  # Requests that go on in another process until it is stopped; it ends if one of them is not answered.
  def load_on(proxy)
    load = ruby(<<~RUBY, URI(proxy.url).port.to_s)
      Array.new(3) { Thread.new { loop { TCPSocket.open("127.0.0.1", ARGV[0]) { |client|
        client.write("GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
        abort "wrong" unless client.read.end_with?("ok") } } } }.each(&:join)
    RUBY
    before = proxy.stats[:requests][:total]
    eventually(limit: 20) { expect(proxy.stats[:requests][:total]).to be > before + 10 }
    yield
    before = proxy.stats[:requests][:total]
    eventually(limit: 20) { expect(proxy.stats[:requests][:total]).to be > before + 10 }
    expect(load.signal(0)).to eq(1)
    expect(proxy.stats[:requests][:status_5xx]).to eq(0)
  ensure
    load&.stop
  end

  # A proxy whose backend is an engine's too, so that all sockets are engines'.
  def busy_proxy
    address = URI(start_proxy { static_response body: "ok" }.url).then { |url| "#{url.host}:#{url.port}" }
    start_proxy(threads: 2) { proxy backends: [address], keepalive: 0 }
  end

  it "leaves a child without any of 1,000 open connections, which all go on" do
    proxy = start_proxy(threads: 2) { static_response body: "ok" }
    clients = ruby(<<~'RUBY', URI(proxy.url).port.to_s)
      $stdout.sync = true
      get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
      clients = Array.new(1_000) { TCPSocket.new("127.0.0.1", ARGV[0]) }
      2.times do
        clients.each { |client| client.write(get) }
        clients.each { |client| nil until client.gets == "\r\n"; abort "wrong" unless client.read(2) == "ok" }
        puts "answered"
        $stdin.gets
      end
    RUBY
    clients.await_output(/answered/)
    expect(proxy.stats[:connections][:active]).to eq(1_000)
    expect(in_child { sockets }).to eq([])
    tell
    clients.await_output(/answered.*answered/m)
    expect(proxy.stats[:connections]).to include(accepted: 1_000, active: 1_000)
  ensure
    clients&.stop
  end

  it "lets a parent fork a child for each job, which asks the parent's server and ends by exit!" do
    proxy = busy_proxy
    url = proxy.url
    load_on(proxy) do
      jobs = Array.new(20) { in_child { [sockets.length, RawClient.request(url, "GET", "/").body] } }
      expect(jobs).to eq([[0, "ok"]] * 20)
    end
  end

  it "leaves children without sockets while the garbage collector runs at every allocation" do
    proxy = busy_proxy
    load_on(proxy) do
      left = Array.new(3) do
        GC.stress = true
        reader, writer = IO.pipe
        pid = fork do
          GC.stress = false
          close_own_sockets
          GC.start
          writer.write([sockets.length, proxy.server.stopped?, proxy.server.stop].join(" "))
          GC.stress = true
          exit!(0)
        end
        GC.stress = false
        writer.close
        Process.wait(pid)
        [reader.read, $?.exitstatus]
      end
      expect(left).to eq([["0 true true", 0]] * 3)
    end
  ensure
    GC.stress = false
  end

  it "leaves children without sockets during reloads that open and close addresses" do
    proxy = busy_proxy
    address = proxy.stats[:backends][0][:address]
    ports = FreePorts.take(2).map { |port| "http://127.0.0.1:#{port}" }
    reload = lambda { |port|
      proxy.server.reload do
        bind "http://127.0.0.1:0"
        bind port
        proxy backends: [address], keepalive: 0
      end
    }
    load_on(proxy) do
      stop = false
      reloads = 0
      reloader = Thread.new { (reload.call(ports[(reloads += 1) % 2]) while !stop) }
      left = Array.new(20) { in_child { sockets.length } }
      stop = true
      reloader.join
      expect(left).to eq([0] * 20)
      expect(reloads).to be > 1
    end
  end

  it "gives programs that are started nothing: spawn, system, backticks and IO.popen" do
    list = "ls -l /proc/self/fd"
    ways = {
      spawn: lambda {
        reader, writer = IO.pipe
        Process.wait(spawn(list, out: writer))
        writer.close
        reader.read
      },
      system: lambda {
        path = "#{directory}/fds"
        system(list, out: path)
        File.read(path)
      },
      backticks: -> { `#{list}` },
      popen: -> { IO.popen(list, &:read) }
    }
    # What this program was started with itself, but for the folder that `ls` reads.
    files = ->(way) { way.call.scan(/(\d+) -> (.*)/).filter_map { |fd, file| file if fd.to_i > 2 }.grep_v(%r{\A/proc/}) }
    inherited = files.call(ways[:backticks])
    proxy = busy_proxy
    listener = TCPServer.new("127.0.0.1", 0)
    given = Proxy.start(listeners: [listener]) { static_response body: "ok" }
    load_on(proxy) do
      ways.each { |name, way| 5.times { expect(files.call(way) - inherited).to eq([]), name.to_s } }
    end
  ensure
    given&.stop(timeout: 0)
    listener&.close
  end

  # The origin is a process of its own: a child would also inherit the origin's end of its connections otherwise.
  { "HTTP/1.0" => Errno::ECONNRESET, "HTTP/1.1" => nil }.each do |version, error|
    it "lets a client of #{version} see that an origin in another process has cut a response short" do
      origin = ruby(<<~'RUBY')
        $stdout.sync = true
        origin = TCPServer.new("127.0.0.1", 0)
        puts "port #{origin.addr[1]}"
        client = origin.accept
        client.gets("\r\n\r\n")
        client.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        $stdin.gets
        client.close
        sleep
      RUBY
      port = origin.await_output(/port (\d+)/)[1]
      proxy = start_proxy { proxy backends: ["127.0.0.1:#{port}"] }
      client = TCPSocket.new("127.0.0.1", URI(proxy.url).port)
      client.write("GET / #{version}\r\nHost: a\r\n\r\n")
      text = +""
      text << client.readpartial(4096) until text.include?("ok")
      ready, begun = IO.pipe
      child = fork do
        begun.write(".")
        sleep
      end
      ready.read(1)
      tell
      rest = -> { Timeout.timeout(10) { client.read } }
      error ? expect(&rest).to(raise_error(error)) : expect(rest.call).to(eq(""))
    ensure
      Process.kill(:KILL, child) && Process.wait(child) if child
      client&.close
      origin&.stop
    end
  end
end
