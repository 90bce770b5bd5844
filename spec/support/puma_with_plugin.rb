# frozen_string_literal: true

require "fileutils"
require "net/http"
require "open3"
require "rbconfig"
require_relative "child_process"
require_relative "running_proxy"

# A Puma whose config/puma.rb has `plugin :proxy`, in a folder of its own. It is the Puma of the system, or the one in
# the folder that the environment variable PUMA names.
class PumaWithPlugin
  # Answers to /pid, /env, /slow (after a while), /drip (slowly, piece by piece), /fork (starts a process that does
  # nothing), and to a POST with its length.
  APPLICATION = <<~'RUBY'
    run(lambda do |env|
      case env["PATH_INFO"]
      when "/slow"
        warn "slow has begun"
        sleep 0.5
      when "/env"
        pairs = env.select { |_, value| value.is_a?(String) }
        return [200, {}, [pairs.map { |pair| pair.join("=") }.join("\n")]]
      when "/drip"
        warn "drip has begun"
        return [200, {}, Enumerator.new { |body| 20.times { body << "drop "; sleep 0.05 } }]
      when "/fork"
        return [200, {}, ["#{fork { sleep }} #{Process.pid}"]]
      when "/socket"
        socket = env["rack.hijack"].call
        socket.write "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
        Thread.new { while (line = socket.gets) do socket.write(line) end }
        return [-1, {}, []]
      end
      body = env["REQUEST_METHOD"] == "POST" ? env["rack.input"].read.bytesize.to_s : Process.pid.to_s
      [200, {}, [body]]
    end)
  RUBY

  attr_reader :directory, :process

  # `config` is the rest of config/puma.rb, behind the line `first`. `socket` is given as systemd gives one. `bundler`:
  # with the Gemfile of the folder.
  def initialize(config, directory, *arguments, application: APPLICATION, environment: {}, socket: nil,
                 bundler: false, first: "plugin :proxy")
    @directory = directory
    FileUtils.mkdir_p([File.join(directory, "config"), File.join(directory, "tmp/sockets")])
    write("config.ru", application)
    write("config/puma.rb", "#{first}\n#{config}")
    command = [*("bundle exec".split if bundler), *self.class.command, *arguments]
    command = ["sh", "-c", "LISTEN_PID=$$ exec \"$@\"", "sh", *command] if socket
    @process = ChildProcess.new({ **self.class.environment, **environment }, *command,
                                chdir: directory, **(socket ? { 3 => socket } : {}))
  end

  def self.environment
    peer = ENV["PUMA"]
    { "RUBYLIB" => [(File.join(peer, "lib") if peer), ProxyProcess::LIB].compact.join(":"), "RACK_ENV" => "production" }
  end

  def self.command
    peer = ENV["PUMA"]
    peer ? [RbConfig.ruby, File.join(peer, "bin/puma")] : ["puma"]
  end

  def write(name, text)
    File.write(File.join(directory, name), text)
  end

  def self.pumactl
    peer = ENV["PUMA"]
    peer ? [File.join(peer, "bin/pumactl")] : ["-S", "pumactl"]
  end

  # Waits until the front listens, and then for the application, and returns self.
  def await
    @url = process.await_output(/Proxy listening on (\S+)/)[1]
    # Puma sets its last signal handlers before it prints this.
    process.await_output(/Use Ctrl-C|Ctrl-C to stop/)
    self
  end

  # Waits until as many workers have booted, counted from the start.
  def await_workers(count)
    process.await_output(/(?:Worker \d+ \(PID: \d+\) booted.*?){#{count}}/m)
    self
  end

  attr_reader :url

  def port = url[/:(\d+)\z/, 1].to_i

  def pid = process.pid

  def get(path = "/") = Net::HTTP.get_response(URI("#{url}#{path}"))

  def signal(name) = process.signal(name)

  # Processes of this Puma and their command lines.
  def processes
    `ps -eo pid,ppid,args`.lines.drop(1).map { |line| line.strip.split(/\s+/, 3) }
                          .select { |*numbers, args| numbers.include?(pid.to_s) || args.end_with?("of puma #{pid}") }
                          .to_h { |pid, _, args| [pid.to_i, args] }
  end

  # The process with this role: "front" or "keeper".
  def role(name) = processes.key("proxy #{name} of puma #{process.pid}")

  def stop
    process.stop
  end
end

# Clients that send GET and POST requests one after the other, each on a new connection, while a block runs.
class LightLoad
  attr_reader :failures, :total

  def self.during(port, clients: 4)
    load = new(port, clients)
    yield load
    load
  ensure
    load&.finish
  end

  def initialize(port, clients)
    @port = port
    @failures = []
    @total = 0
    @threads = Array.new(clients) { |number| Thread.new { send_requests(number.odd?) } }
  end

  def finish
    @done = true
    @threads.each(&:join)
    self
  end

  # Waits until this many more requests were answered.
  def more(count)
    target = @total + count
    Thread.pass && sleep(0.005) until @total >= target
  end

  private

  def send_requests(post)
    until @done
      answer = exchange(post)
      @failures << "#{post ? "POST" : "GET"}: #{answer.lines.first.inspect}" unless answer.start_with?("HTTP/1.1 200")
      @total += 1
      sleep 0.002
    end
  end

  def exchange(post)
    Socket.tcp("127.0.0.1", @port, connect_timeout: 5) do |socket|
      socket.timeout = 10 if socket.respond_to?(:timeout=)
      socket.write(post ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody" :
                     "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      socket.read
    end
  rescue SystemCallError => error
    error.class.name
  end
end
