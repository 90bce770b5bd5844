# frozen_string_literal: true

require "support/free_ports"
require "support/hand_over"
require "support/load"
require "support/new_connections"

# Twenty hand-overs in a row under every kind of load. No request may fail, and no new connection may wait.
RSpec.describe "Twenty hand-overs in a row", :integration, time_limit: 600 do
  include HandOver

  hand_overs = Integer(ENV.fetch("HAND_OVERS", "20"))
  wanted = 20_000

  def start_tunnels
    start_backend do |connection|
      connection.read_request
      connection.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
      loop { connection.write(connection.read(9)) }
    rescue EOFError, Wire::Late, SystemCallError
      nil
    end
  end

  # Starts the proxy in front of nginx, and returns its address of HTTP/2.
  def start_front
    backend = start_nginx("root html; location = /post { return 200 ok; } keepalive_requests 1000000;")
    backend.write("small", "ok")
    backend.write("large", "x" * Load::LARGE)
    pair = certs.server("app.test")
    port = FreePorts.one
    start(<<~RUBY)
      bind "https://127.0.0.1:#{port}", certificate: #{pair.certificate_file.inspect}, key: #{pair.key_file.inspect}
      location("/ws") { proxy backends: [#{start_tunnels.address.inspect}] }
      proxy backends: [#{backend.address.inspect}]
    RUBY
    "https://127.0.0.1:#{port}/small"
  end

  # Resident memory in megabytes.
  def memory = File.read("/proc/#{current}/status")[/^VmRSS:\s+(\d+)/, 1].to_i / 1024

  # The block, with what new connections wait meanwhile.
  def measured
    clients = NewConnections.new(url)
    yield
    clients.stop
  ensure
    clients.kill
  end

  it "fail no request, and leave neither descriptors nor memory behind" do
    secure = start_front
    load = Load.new(url, secure).start
    figures = Array.new(hand_overs) do |number|
      begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      before = current
      hand_over
      took = Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
      # The old one lingers for who is still being served.
      eventually(limit: 40) { expect(alive?(before)).to be(false) }
      puts format("hand-over %<number>d: %<took>.2f s, %<fds>d descriptors, %<memory>d MB",
                  number: number + 1, took: took, fds: descriptors, memory: memory)
      [descriptors, memory]
    end
    sleep 0.1 while load.requests < wanted && load.failures.empty?
    load.stop
    puts "#{load.requests} requests: #{load.counts.inspect}, #{load.failures.size} failed"
    expect(Array.new(load.failures.size) { load.failures.pop }.first(10)).to eq([])
    expect(load.requests).to be >= wanted
    # No generation leaves descriptors open that the first one did not.
    eventually(limit: 10) { expect(descriptors).to be <= figures[0][0] + 4 }
    expect(figures.last.last).to be < (figures.first.last * 1.3) + 10
  end

  # The new process compiles Ruby on the same processors until it serves: the longest wait without a hand-over is
  # measured beside another Ruby that does so, to tell the hand-over from the work.
  it "let no new connection wait" do
    start_front
    started = ["-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "check"]
    plain = measured { hand_overs.times { system(RbConfig.ruby, *started, chdir: folder, out: File::NULL) } }
    handed = measured do
      hand_overs.times do
        before = current
        hand_over
        eventually(limit: 40) { expect(alive?(before)).to be(false) }
      end
    end
    puts "new connections without hand-over: #{plain}", "new connections at #{hand_overs} hand-overs: #{handed}"
    expect([plain.failed, handed.failed]).to eq([0, 0])
    # The aim is 50 ms. A machine that others use too makes a client wait by itself.
    expect(handed.longest - plain.longest).to be < 250
    expect(handed.quantile(0.99) - plain.quantile(0.99)).to be < 50
  end
end
