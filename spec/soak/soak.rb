# frozen_string_literal: true

require "optparse"
require "rspec/core"
require "rspec/expectations"
require "support/free_ports"
require "support/integration"
require "support/load"

# Mixed load for minutes or hours: see bin/soak.
class Soak
  include Peers

  # Seconds between two troubles of a kind.
  EVERY = { reload: 3, hand_over: 7, kill_backend: 5, stop_reader: 4, report: 60 }.freeze
  HERE = __dir__

  def initialize(seconds)
    @seconds = seconds
    @reloads = @hand_overs = @kills = 0
    @figures = []
  end

  # Returns whether nothing failed and nothing grew.
  def run
    start
    @load = Load.new(@url, @secure).start
    @load.start_slow
    @load.start_grpc
    frail
    trouble until clock > @end
    @load.stop
    conclude
  ensure
    @load&.stop_grpc
    @reader&.kill
    [@pid, @echo, @frail].compact.each { |pid| kill(:KILL, pid) }
    stop_everything
  end

  private

  def clock = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def kill(signal, pid)
    Process.kill(signal, pid)
  rescue Errno::ESRCH
    nil
  end

  def start
    @folder = directory
    @nginx = start_nginx("root html; location = /post { return 200 ok; } keepalive_requests 1000000;")
    @nginx.write("small", "ok")
    @nginx.write("large", "x" * Load::LARGE)
    @grpc = started(GrpcServer.new).address
    @pair = certs.server("app.test")
    @port, @frail_port = FreePorts.take(2)
    @echo_listener = TCPServer.new("127.0.0.1", 0)
    @echo = backend(@echo_listener, "echo")
    File.mkfifo("#{@folder}/log")
    read_log
    @frail_listener = TCPServer.new("127.0.0.1", @frail_port)
    write
    @process = started(ChildProcess.new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, chdir: @folder))
    @url = @process.await_output(%r{http://\S+})[0]
    @process.await_output(/Ctrl-C/)
    @pid = @process.pid
    @secure = "https://127.0.0.1:#{@port}/small"
    now = clock
    @end = now + @seconds
    @due = EVERY.transform_values { |pause| now + pause }
  end

  def backend(listener, role)
    Process.spawn(RbConfig.ruby, "#{HERE}/backends.rb", "3", role, 3 => listener)
  end

  # Starts the backend that is killed. Its socket stays open, so that it refuses nobody for long.
  def frail = @frail = backend(@frail_listener, "answer")

  # The log goes to a pipe whose reader stops for a while, and to a full disk.
  def write
    to = @reloads.even? ? "log" : "/dev/full"
    File.write("#{@folder}/Proxyfile", <<~RUBY)
      bind "http://127.0.0.1:0"
      bind "https://127.0.0.1:#{@port}", certificate: #{@pair.certificate_file.inspect}, key: #{@pair.key_file.inspect}
      access_log "json", to: #{to.inspect}
      tunnel_grace 10
      location("/ws") { proxy backends: ["127.0.0.1:#{@echo_listener.addr[1]}"] }
      location("/test.Echo/*") { proxy backends: ["h2://#{@grpc}"] }
      location("/small") { proxy backends: ["127.0.0.1:#{@frail_port}", #{@nginx.address.inspect}], fail_timeout: 1 }
      proxy backends: [#{@nginx.address.inspect}]
    RUBY
  end

  def read_log
    @reader = Thread.new do
      File.open("#{@folder}/log", File::RDWR | File::NONBLOCK) do |log|
        loop do
          sleep 0.1 while @blocked
          log.wait_readable(0.1) && log.read_nonblock(65_536, exception: false)
        end
      end
    end
  end

  # Makes the troubles that are due, and reads what the proxy prints.
  def trouble
    @due.each do |kind, at|
      next if clock < at

      send(kind)
      @due[kind] = clock + EVERY.fetch(kind)
    end
    sleep 0.05
  end

  def reload
    @reloads += 1
    write
    @process.output.clear
    kill(:HUP, @pid)
    @process.await_output(/^Reloaded/)
  end

  def hand_over
    @process.output.clear
    kill(:USR2, @pid)
    @pid = @process.await_output(/^PID (\d+) serves from now on/, limit: 60)[1].to_i
    @hand_overs += 1
  end

  # Kills the frail backend and starts it anew.
  def kill_backend
    kill(:KILL, @frail)
    Process.wait(@frail)
    @kills += 1
    frail
  end

  def stop_reader = @blocked = !@blocked

  def report
    open = Dir.children("/proc/#{@pid}/fd").length
    memory = File.read("/proc/#{@pid}/status")[/^VmRSS:\s+(\d+)/, 1].to_i / 1024
    @figures << [open, memory]
    puts "#{(@seconds - (@end - clock)).round} s: #{@load.requests} requests, #{@load.failures.size} failed, " \
         "#{memory} MB, #{open} descriptors, #{processes} processes, #{@hand_overs} hand-overs, #{@reloads} reloads"
  end

  # Processes of the proxy: the one that serves, and old ones that finish.
  def processes
    Dir.glob("/proc/[0-9]*/cwd").count do |link|
      File.readlink(link) == @folder && File.read("#{File.dirname(link)}/stat").rpartition(")").last.split.first != "Z"
    rescue SystemCallError
      false
    end
  end

  def conclude
    report
    puts "#{@load.requests} requests: #{@load.counts.inspect}; #{@kills} killed backends"
    failures = Array.new(@load.failures.size) { @load.failures.pop }
    puts failures.first(20), "#{failures.length} failed"
    open, memory = @figures.transpose
    grown = memory.last > (memory.first * 1.3) + 10 || open.last > open.first + 40
    puts "It grew: #{@figures.first.inspect} at first, #{@figures.last.inspect} in the end" if grown
    failures.empty? && !grown
  end
end

minutes = 10.0
OptionParser.new { |options| options.on("--minutes NUMBER", Float) { |number| minutes = number } }.parse!
exit Soak.new(minutes * 60).run
