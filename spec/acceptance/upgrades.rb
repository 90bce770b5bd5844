# frozen_string_literal: true

require "open3"
require "support/free_ports"
require "support/hand_over"
require "support/tls_client"

# Twenty hand-overs in a row under every kind of load. No request may fail.
RSpec.describe "Twenty hand-overs in a row", :integration, time_limit: 600 do
  include HandOver

  hand_overs = Integer(ENV.fetch("HAND_OVERS", "20"))
  wanted = 20_000

  # A client that goes on until the load is over. Its block gets a number, and returns what went wrong, or nil.
  def client(kind)
    in_background do
      number = 0
      until @over
        number += 1
        @counts[kind] += 1
        wrong = begin
          yield number
        rescue StandardError => error
          "#{error.class}: #{error.message}"
        end
        @failures << "#{kind} #{number}: #{wrong}" if wrong
      end
    end
  end

  # Requests over one connection, until an answer says that it is the last.
  def kept(kind)
    connection = nil
    client(kind) do |number|
      connection ||= RawClient.connect(url)
      response = yield connection, number
      if response["Connection"] == "close"
        connection.close
        connection = nil
      end
      "status #{response.status}" unless response.status == 200
    rescue StandardError
      connection = nil
      raise
    end
  end

  def echo(address)
    socket = RawClient.connect(url)
    socket.send_request("GET", "/ws", { "Connection" => "Upgrade", "Upgrade" => "echo" })
    head = socket.read_head
    return "status #{head.status}" unless head.status == 101

    10.times do |message|
      socket.write("message #{message}")
      got = socket.read(9)
      return "#{got.inspect} from #{address}" unless got == "message #{message}"

      sleep 0.02
    end
    nil
  ensure
    socket&.close
  end

  # Requests of HTTP/2 over one connection, until that is told to end; ten at once with `parallel`.
  def http2(kind, *parallel)
    client("runs of curl") do
      out, = Open3.capture2("curl", "--silent", "--no-progress-meter", "--insecure", "--http2", *parallel,
                            "--output", "/dev/null", "--max-time", "60",
                            "--write-out", "%{http_version} %{response_code} %{exitcode}\n", "#{@secure}?[1-300]")
      answers = out.lines(chomp: true).tally
      @counts[kind] += answers.fetch("2 200 0", 0)
      answers unless answers == { "2 200 0" => 300 }
    end
  end

  it "fail no request, and leave neither descriptors nor memory behind" do
    @failures, @counts, @over = Queue.new, Hash.new(0), false
    large = "x" * 1_000_000
    backend = start_nginx("root html; location = /post { return 200 ok; } client_max_body_size 10m; " \
                          "keepalive_requests 1000000;")
    backend.write("small", "ok")
    backend.write("large", large)
    tunnels = start_backend do |connection|
      connection.read_request
      connection.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
      loop { connection.write(connection.read(9)) }
    rescue EOFError, Wire::Late, SystemCallError
      nil
    end
    pair = certs.server("app.test")
    port = FreePorts.one
    @secure = "https://127.0.0.1:#{port}/small"
    start(<<~RUBY)
      bind "https://127.0.0.1:#{port}", certificate: #{pair.certificate_file.inspect}, key: #{pair.key_file.inspect}
      location("/ws") { proxy backends: [#{tunnels.address.inspect}] }
      proxy backends: [#{backend.address.inspect}]
    RUBY

    loads = []
    2.times { loads << kept("GET kept alive") { |connection| connection.get("/small") } }
    loads << client("GET on a new connection") do
      status = get("/small").status
      "status #{status}" unless status == 200
    end
    loads << kept("POST") { |connection, number| connection.request("POST", "/post", {}, "y" * (number % 10 * 5000)) }
    loads << client("download") do
      size = get("/large").body.bytesize
      "only #{size} bytes" unless size == large.bytesize
    end
    2.times { loads << client("tunnel") { echo("the tunnel") } }
    loads << http2("HTTP/2, one by one") << http2("HTTP/2, ten at once", "--parallel", "--parallel-max", "10")
    figures = []
    hand_overs.times do |number|
      begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      before = current
      hand_over
      took = Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
      # The old one lingers for who is still being served.
      eventually(limit: 40) { expect(alive?(before)).to be(false) }
      memory = File.read("/proc/#{current}/status")[/^VmRSS:\s+(\d+)/, 1].to_i / 1024
      figures << [descriptors, memory]
      puts format("hand-over %<number>d: %<took>.2f s, %<fds>d descriptors, %<memory>d MB",
                  number: number + 1, took: took, fds: descriptors, memory: memory)
    end
    # Until there were enough.
    sleep 0.1 while @counts.values.sum < wanted + 1000 && @failures.empty?
    @over = true
    loads.each(&:value)
    requests = @counts.except("runs of curl").values.sum
    puts "#{requests} requests: #{@counts.inspect}, #{@failures.size} failed"
    # No generation leaves descriptors open that the first one did not.
    eventually(limit: 10) { expect(descriptors).to be <= figures[0][0] + 4 }
    expect(Array.new(@failures.size) { @failures.pop }.first(10)).to eq([])
    expect(requests).to be >= wanted
    memories = figures.map(&:last)
    expect(memories.last).to be < (memories.first * 1.3) + 10
  end
end
