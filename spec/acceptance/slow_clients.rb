# frozen_string_literal: true

require "support/integration"
require "support/rack_server"

# Fifty clients on a bad line in front of an application with three threads: what others wait, with and without
# buffering. And a disk that fills up under what waits there: for root.
RSpec.describe "Slow clients", :integration, time_limit: 300 do
  slow_clients = 50
  # More than the system holds between an application and a client that hardly reads.
  length = 16_777_216
  rate = 1_000
  trial = 10

  let(:puma) do
    @puma = RackServer.new(<<~RUBY, threads: "3:3")
      run lambda { |env|
        body = env["REQUEST_METHOD"] == "PUT" ? env["rack.input"].read.bytesize.to_s : "x" * env["QUERY_STRING"].to_i
        [200, { "content-length" => body.bytesize.to_s }, [body]]
      }
    RUBY
    @puma.url.delete_prefix("http://")
  end

  after { @puma&.stop }

  def slow_socket(proxy, length)
    uri = URI(proxy.url)
    socket = Socket.new(:INET, :STREAM)
    socket.setsockopt(:SOCKET, :RCVBUF, 4_096)
    socket.connect(Addrinfo.tcp(uri.hostname, uri.port))
    socket.write("GET /?#{length} HTTP/1.1\r\nHost: a\r\n\r\n")
    socket
  end

  # Reads `rate` bytes a second from each until it is told to stop.
  def read_slowly(sockets, rate)
    in_background do
      loop do
        sockets.each { |socket| socket.read_nonblock(rate, exception: false) }
        sleep 1
      end
    end
  end

  # Times of requests of others, one after the other over four connections, in milliseconds, and how many of them got no
  # answer.
  def times_of_others(proxy, trial)
    workers = Array.new(4) do
      in_background do
        client = proxy.connect(limit: trial)
        over = Process.clock_gettime(Process::CLOCK_MONOTONIC) + trial
        times = []
        times << seconds { client.get("/?100") } * 1000 while Process.clock_gettime(Process::CLOCK_MONOTONIC) < over
        times
      rescue Wire::Late
        [*times, nil]
      end
    end
    times = workers.flat_map(&:value)
    [times.compact.sort, times.count(nil)]
  end

  def told(name, times, unanswered)
    p99 = times.empty? ? "-" : format("%.1f ms", times[(times.length * 0.99).to_i])
    puts format("%-20s %6d requests, p99 %s, %d without an answer", name, times.length, p99, unanswered)
  end

  it "do not hold up others with buffering, and do without it" do
    alone = times_of_others(start_proxy(to: puma), trial)
    told("nobody slow", *alone)
    ways = { "buffering: {}" => { buffering: {} }, "buffering: false" => { buffering: false } }
    results = ways.map do |name, options|
      proxy = start_proxy(to: puma, **options)
      sockets = Array.new(slow_clients) { slow_socket(proxy, length) }
      eventually(limit: 90) { expect(proxy.stats[:backends].first[:requests]).to be >= slow_clients }
      read_slowly(sockets, rate)
      times_of_others(proxy, trial).tap do |result|
        told(name, *result)
        sockets.each(&:close)
        proxy.stop
      end
    end
    p99 = ->((times, _)) { times[(times.length * 0.99).to_i] }
    expect(results.first.last).to eq(0)
    expect(p99.call(results.first)).to be < p99.call(alone) * 3 + 5
    expect(results.last.last).to be > 0
  end

  describe "with a disk of one mebibyte" do
    let(:disk) { "#{directory}/disk" }

    before do
      FileUtils.mkdir_p(disk)
      system("mount", "-t", "tmpfs", "-o", "size=1m", "none", disk, exception: true)
    end

    # The proxy ends later.
    after { system("umount", "--lazy", disk) }

    def start(**options)
      written = { backends: [puma], **options }.map { |name, value| "#{name}: #{value.inspect}" }.join(", ")
      start_proxy_process("proxy #{written}")
    end

    it "get whole responses, and the log has a line for each" do
      proxy = start(buffering: { path: disk })
      sockets = Array.new(5) { slow_socket(proxy, 24_000_000) }
      sockets.each do |socket|
        response = RawClient.new(socket, limit: 20).read_response
        expect([response.status, response.body.bytesize]).to eq([200, 24_000_000])
      end
      proxy.process.await_output(/the disk takes no more of the response.*No space left/, limit: 20)
      expect(Dir.children(disk)).to eq([])
      expect(proxy.get("/?5").body).to eq("xxxxx")
    end

    it "are answered 503 if their body does not fit, and others are served" do
      proxy = start(request_buffering: { path: disk })
      responses = Array.new(3) { proxy.request("PUT", "/", {}, "x" * 4_000_000).status }
      expect(responses).to eq([503] * 3)
      proxy.process.await_output(/(?:the disk does not take.*){3}/m)
      expect(proxy.request("PUT", "/", {}, "x" * 1_500_000).body).to eq("1500000")
    end
  end
end
