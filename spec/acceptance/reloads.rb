# frozen_string_literal: true

require "support/hand_over"

# A hundred reloads under a hundred connections, one of which is a tunnel. Nothing may fail, and the memory of the
# configurations before has to be given back.
RSpec.describe "A hundred reloads", :integration, time_limit: 600 do
  include HandOver

  connections = 100
  # Locations that each configuration has beside those that answer, so that one that stays would be seen.
  locations = 500

  def start_echo
    start_backend do |connection|
      connection.read_request
      connection.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
      begin
        loop { connection.write(connection.read(9)) }
      rescue Wire::Late
        retry
      end
    rescue EOFError, SystemCallError
      nil
    end
  end

  def configuration(number, locations, backend)
    <<~RUBY
      location("/ws") { proxy backends: [#{@echo.inspect}] }
      #{locations}.times { |index| location("/#{number}/\#{index}/*") { static_response body: "x" * 100 } }
      location("/number") { static_response body: "#{number}" }
      proxy backends: [#{backend.inspect}]
    RUBY
  end

  def reload(number, *rest)
    rewrite(configuration(number, *rest))
    process.output.clear
    kill(:HUP, current)
    process.await_output(/^Reloaded/)
    RawClient.request(url, "GET", "/number").body
  end

  # Resident memory in megabytes.
  def memory = File.read("/proc/#{current}/status")[/^VmRSS:\s+(\d+)/, 1].to_i / 1024.0

  def keep_asking(over, counts, failures)
    Array.new(10) do
      Thread.new do
        clients = Array.new(connections_of_each) { RawClient.connect(url) }
        until over.call
          clients.each do |client|
            status = client.get("/").status
            status == 200 ? counts << 1 : failures << "status #{status}"
          end
        end
      rescue StandardError => error
        failures << "#{error.class}: #{error.message}"
      ensure
        clients&.each(&:close)
      end
    end
  end

  def connections_of_each = 10

  it "fail no request of #{connections} connections, cut no tunnel, and keep no memory" do
    backend = start_nginx("location / { return 200 ok; } keepalive_requests 1000000;").address
    @echo = start_echo.address
    start(configuration(0, locations, backend))
    tunnel = RawClient.connect(url)
    tunnel.send_request("GET", "/ws", { "Connection" => "Upgrade", "Upgrade" => "echo" })
    expect(tunnel.read_head.status).to eq(101)
    over, counts, failures = false, Queue.new, Queue.new
    threads = keep_asking(-> { over }, counts, failures)
    figures = (1..100).map do |number|
      expect(reload(number, locations, backend)).to eq(number.to_s)
      tunnel.write(format("reload%3d", number))
      expect(tunnel.read(9)).to eq(format("reload%3d", number))
      memory
    end
    over = true
    threads.each(&:join)
    puts format("%<count>d requests, %<failed>d failed; memory after 10, 50 and 100 reloads: " \
                "%<first>.1f, %<half>.1f, %<last>.1f MB",
                count: counts.size, failed: failures.size, first: figures[9], half: figures[49], last: figures[99])
    expect(Array.new(failures.size) { failures.pop }.first(5)).to eq([])
    expect(figures.last(20).min).to be < figures.first(20).max * 1.2
  end
end
