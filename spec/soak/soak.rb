# frozen_string_literal: true

require "rspec/core"
require "rspec/expectations"
require "support/free_ports"
require "support/integration"
require "support/load"
require_relative "descriptor_limit"

# Mixed load for minutes or hours: see bin/soak.
class Soak
  include Peers

  # Seconds between two troubles of a kind.
  EVERY = { reload: 3, hand_over: 7, kill_backend: 5, stop_reader: 6, report: 60 }.freeze
  # Seconds between two phases at the limit of open files.
  LIMIT = 50
  # Bytes of a line of the access log.
  LONG = 4000
  HERE = __dir__

  def initialize(seconds)
    @seconds = seconds
    @reloads = @hand_overs = @kills = @logged = @lost = 0
    @figures, @troubles, @said = [], [], Hash.new(0)
  end

  # Ends the soak early; the second time at once.
  def interrupt
    raise Interrupt if @interrupted

    @interrupted = true
  end

  def interrupted? = @interrupted

  # Returns whether nothing failed and nothing grew.
  def run
    $stdout.sync = true
    start
    @limit = DescriptorLimit.new.start(LIMIT)
    @load = Load.new(@url, @secure).start
    %i[start_slow start_uploads start_websocket start_grpc].each { |clients| @load.public_send(clients) }
    trouble until @interrupted || clock > @end
    [@load, @limit].each(&:stop)
    await_end_of_old_ones
    conclude
  ensure
    @limit&.kill
    @load&.stop_grpc
    @reader&.kill
    [*(processes if @folder), @echo, @frail].compact.each { |pid| kill(:KILL, pid) }
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
    @sockets = start_puma(File.expand_path("../support/apps/websocket.ru", HERE))
    @digest = start_puma
    @pair = certs.server("app.test")
    @port, @frail_port = FreePorts.take(2)
    @echo_listener = TCPServer.new("127.0.0.1", 0)
    @echo = backend(@echo_listener, "echo")
    @frail_listener = TCPServer.new("127.0.0.1", @frail_port)
    frail
    File.mkfifo("#{@folder}/log")
    read_log
    write
    start_proxy
  end

  def start_proxy
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

  # The log goes to a pipe whose reader stops for a while, and in turn to a full disk. Its lines are so long that more
  # come in that while than the proxy keeps.
  def write
    to = (@reloads % 6) < 4 ? "log" : "/dev/full"
    File.write("#{@folder}/Proxyfile", <<~RUBY)
      bind "http://127.0.0.1:0"
      bind "https://127.0.0.1:#{@port}", certificate: #{@pair.certificate_file.inspect}, key: #{@pair.key_file.inspect}
      access_log "{method} {path} {status} #{"-" * LONG}", to: #{to.inspect}
      tunnel_grace 10
      location("/ws") { proxy backends: ["127.0.0.1:#{@echo_listener.addr[1]}"] }
      location("/websocket") { proxy backends: [#{@sockets.address.inspect}] }
      location("/digest") { proxy backends: [#{@digest.address.inspect}] }
      location("/test.Echo/*") { proxy backends: ["h2://#{@grpc}"] }
      location("/small") { proxy backends: ["127.0.0.1:#{@frail_port}", #{@nginx.address.inspect}], fail_timeout: 1 }
      proxy backends: [#{@nginx.address.inspect}]
    RUBY
  end

  def read_log
    @reader = Thread.new do
      File.open("#{@folder}/log", File::RDWR | File::NONBLOCK) do |log|
        rest = +""
        loop do
          sleep 0.1 while @blocked
          next unless log.wait_readable(0.1)

          *lines, rest = (rest << log.read_nonblock(65_536)).split("\n", -1)
          lines.each { |line| note_logged(line) }
        end
      end
    end
  end

  # Counts a line of the access log, or those that it says were lost.
  def note_logged(line)
    lost = line[/\A# .* lines lost .*: (\d+)\z/, 1]
    lost ? @lost += lost.to_i : @logged += 1
  end

  # Makes the troubles that are due, and reads what the proxy prints.
  def trouble
    @due.each do |kind, at|
      next if clock < at

      @troubles << [Time.now, kind]
      send(kind)
      @due[kind] = clock + EVERY.fetch(kind)
    rescue StandardError => error
      # A proxy that does not obey any more is the end.
      @interrupted = true
      @load.failures << Load::Failure.new(Time.now, "#{kind}: #{error.class}: #{error.message}")
    end
    sleep 0.05
  end

  def reload
    @reloads += 1
    write
    keep_output
    kill(:HUP, @pid)
    @process.await_output(/^Reloaded/)
  end

  def hand_over
    keep_output
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

  # Counts warnings and errors of the proxy, alike ones together.
  def keep_output
    @process.output.lines(chomp: true).grep(/Z (?:warn|error) /) do |line|
      @said[line.sub(/\A\S+ /, "").sub(/request_id=\S+ /, "").gsub(/\d+/, "N")] += 1
    end
    @process.output.clear
  end

  def stop_reader = @blocked = !@blocked

  def report
    return unless processes.include?(@pid)

    open = Dir.children("/proc/#{@pid}/fd").length
    memory = File.read("/proc/#{@pid}/status")[/^VmRSS:\s+(\d+)/, 1].to_i / 1024
    @figures << [open, memory]
    puts "#{(@seconds - (@end - clock)).round} s: #{@load.requests} requests, #{@load.failures.size} failed, " \
         "#{memory} MB, #{open} descriptors, #{processes.length} processes, " \
         "#{@hand_overs} hand-overs, #{@reloads} reloads"
  end

  # Numbers of the proxy's processes: the one that serves, and old ones that finish.
  def processes
    Dir.glob("/proc/[0-9]*").filter_map do |path|
      next unless File.readlink("#{path}/cwd") == @folder

      File.basename(path).to_i unless File.read("#{path}/stat").rpartition(")").last.split.first == "Z"
    rescue SystemCallError
      nil
    end
  end

  # Waits until old processes have ended, which have nobody to serve any more.
  def await_end_of_old_ones
    deadline = clock + 30
    sleep 0.1 until processes.length < 2 || clock > deadline
    old = processes - [@pid]
    @load.failures << Load::Failure.new(Time.now, "old processes did not end: #{old.join(", ")}") if old.any?
  end

  def conclude
    report
    keep_output
    puts "#{@load.requests} requests: #{@load.counts.inspect}; #{@kills} killed backends"
    puts "access log: #{@logged} lines read, #{@lost} lost behind a reader that stood still"
    failures = Array.new(@load.failures.size) { @load.failures.pop }
    failures.first(20).each { |failure| puts failure, "  #{around(failure.time)}" }
    puts @limit.failures, "#{failures.length + @limit.failures.length} failed"
    @said.max_by(20, &:last).each { |line, count| puts "#{count} times in its log: #{line}" }
    grown = grown?
    puts "It grew: #{@figures.first.inspect} at first, #{@figures.last.inspect} in the end" if grown
    failures.empty? && @limit.failures.empty? && !grown
  end

  # What happened up to two seconds before, for an explanation.
  def around(time)
    recent = @troubles.select { |at, kind| kind != :report && (time - at).between?(0, 2) }
    return "nothing was done to the proxy in the two seconds before" if recent.empty?

    recent.map { |at, kind| format("%.1f s after %s", time - at, kind) }.join(", ")
  end

  def grown?
    return false if @figures.length < 2

    open, memory = @figures.transpose
    memory.last > (memory.first * 1.3) + 10 || open.last > open.first + 40
  end
end
