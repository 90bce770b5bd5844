# frozen_string_literal: true

require "support/acme"

# The first bytes of a client, with a random name of the same length each time.
class RandomHello
  NAME = "n000000000000.example.org"

  def initialize
    near, far = UNIXSocket.pair
    client = OpenSSL::SSL::SSLSocket.new(near)
    client.hostname = NAME
    client.connect_nonblock(exception: false)
    @bytes = far.readpartial(16_384)
  end

  def to_s = @bytes.sub(NAME, format("n%012d.example.org", rand(10**12)))
end

# A thousand handshakes a second for random names, with a block that says yes to each.
RSpec.describe "A flood of random names", :integration, :acme, time_limit: 400 do
  # Sends `rate` such handshakes a second until it is killed, and counts them in `sent`. What comes back is not read.
  def flood(url, rate, sent)
    uri = URI(url)
    hello = RandomHello.new
    open = []
    begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    loop do
      socket = TCPSocket.new(uri.hostname, uri.port)
      socket.write(hello.to_s)
      sent << true
      open << socket
      open.shift.close if open.size > 300
      ahead = begun + sent.size.fdiv(rate) - Process.clock_gettime(Process::CLOCK_MONOTONIC)
      sleep ahead if ahead.positive?
    rescue SystemCallError
      next
    end
  end

  # Milliseconds of `count` handshakes for a known name: half and 99 of 100 are faster.
  def handshake_times(proxy, count)
    times = Array.new(count) do
      took = seconds { certificate(proxy, "app.example.com") or raise "a known name was refused" }
      sleep 0.02
      took * 1000
    end
    times.sort!.values_at(count / 2, count * 99 / 100)
  end

  it "costs at most ten orders a minute, known names nothing, and bounded memory" do
    authority = start_authority
    process = start_managed_process(authority, "app.example.com", on_demand: "->(_name) { true }")
    await_certificate(process, "app.example.com")
    calm = handshake_times(process, 500)
    memory = process.process.memory
    sent = Queue.new
    flooding = in_background { flood(https(process), 1_000, sent) }
    busy = nil
    took = seconds { busy = Array.new(5) { handshake_times(process, 500) }.transpose.map(&:max) }
    flooding.kill
    grown = process.process.memory - memory

    puts format("%d random names in %.0f s (%.0f a second): %d orders", sent.size, took, sent.size / took,
                authority.orders - 1)
    puts format("a known name's handshake: median %.1f ms, p99 %.1f ms in calm; %.1f and %.1f ms in the flood", *calm,
                *busy)
    puts format("memory grew by %.1f MB", grown / 1e6)
    expect(authority.orders - 1).to be_between(1, 10 * (took / 60).ceil)
    expect(grown).to be < 40_000_000
  end
end
