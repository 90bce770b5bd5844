# frozen_string_literal: true

require "rbconfig"

# A client in a process of its own, which nothing of this one delays. Again and again it connects, sends a small request
# and reads the answer, and notes how long that took.
class NewConnections
  PROGRAM = <<~'RUBY'
    require "socket"
    host, port = ARGV
    over = false
    trap(:TERM) { over = true }
    $stdout.sync = true
    puts "begun"
    clock = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond) }
    waits = []
    failed = 0
    until over
      begun = clock.call
      begin
        socket = TCPSocket.new(host, port)
        socket.write("GET /small HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
        socket.read.start_with?("HTTP/1.1 200 ") or failed += 1
      rescue SystemCallError
        failed += 1
      ensure
        socket&.close
      end
      waits << (clock.call - begun)
      sleep 0.001
    end
    print Marshal.dump([waits, failed])
  RUBY
  private_constant :PROGRAM

  # Milliseconds of each connection, in order of size, and how many got another answer or none.
  Figures = Struct.new(:waits, :failed) do
    def longest = waits.last

    def quantile(part) = waits[(waits.length * part).ceil - 1]

    def to_s
      format("%<count>d, %<failed>d failed; median %<half>.1f ms, p99 %<most>.1f ms, longest %<all>.1f ms",
             count: waits.length, failed: failed, half: quantile(0.5), most: quantile(0.99), all: longest)
    end
  end

  # `url` has `/small`. Returns once the client has begun.
  def initialize(url)
    uri = URI(url)
    @io = IO.popen([RbConfig.ruby, "--disable-gems", "-e", PROGRAM, uri.hostname, uri.port.to_s], "rb")
    @io.gets
  end

  # @return [Figures]
  def stop
    Process.kill(:TERM, @io.pid)
    waits, failed = Marshal.load(@io.read)
    Figures.new(waits.sort, failed)
  end

  def kill
    Process.kill(:KILL, @io.pid)
    @io.close
  rescue Errno::ESRCH
    @io.close
  end
end
