# frozen_string_literal: true

require "erb"
require "etc"
require "fileutils"
require "rbconfig"
require "socket"
require "tmpdir"

# Debian installs nginx and HAProxy in a folder that is only in root's PATH.
ENV["PATH"] += ":/usr/sbin"

# Ends the program unless all of these commands exist.
def require_commands(*names)
  missing = names.reject do |name|
    ENV["PATH"].split(":").any? { |directory| File.executable?(File.join(directory, name)) }
  end
  abort "missing: #{missing.join(", ")}. bin/setup --bench installs them." unless missing.empty?
end

# A program that serves HTTP on a free port of 127.0.0.1, pinned to one processor.
class Peer
  CONFIG = File.expand_path("config", __dir__)
  ROOT = File.expand_path("..", __dir__)
  # Where Cargo puts the programs that measure the engine alone.
  PROGRAMS = File.join(ENV.fetch("CARGO_TARGET_DIR", "#{ROOT}/target"), "profiling/examples")

  # All running peers. They are stopped when the program ends.
  RUNNING = []
  at_exit { RUNNING.dup.each(&:stop) }

  attr_reader :name, :port, :pid

  # `processor` is the number of the processor that the peer is pinned to.
  def initialize(name, processor:)
    @name = name
    @directory = Dir.mktmpdir("bench")
    @port = TCPServer.open("127.0.0.1", 0) { |server| server.local_address.ip_port }
    @log = File.join(@directory, "log")
    @pid = Process
           .spawn(environment, "taskset", "--cpu-list", processor.to_s, *command, chdir: @directory, in: File::NULL,
             out: @log, err: @log)
    RUNNING << self
    await_listening
  end

  def address = "127.0.0.1:#{port}"

  def url = "http://#{address}/"

  # Processor time so far of the peer and its children, in seconds.
  def cpu
    pids.sum do |pid|
      fields = File.read("/proc/#{pid}/stat").rpartition(") ").last.split
      fields.values_at(11, 12).sum(&:to_i)
    end / Etc.sysconf(Etc::SC_CLK_TCK).to_f
  end

  # Resident memory of the peer and its children, in bytes.
  def memory = pids.sum { |pid| File.read("/proc/#{pid}/status")[/^VmRSS:\s+(\d+)/, 1].to_i * 1024 }

  def stop
    RUNNING.delete(self)
    Process.kill(:TERM, pid)
    Process.wait(pid)
  rescue Errno::ESRCH, Errno::ECHILD
    nil # It had ended before.
  ensure
    FileUtils.rm_rf(@directory)
  end

  private

  def environment = {}

  def pids = [pid, *File.read("/proc/#{pid}/task/#{pid}/children").split.map(&:to_i)]

  def render(template, **values)
    file = File.join(@directory, template.delete_suffix(".erb"))
    File.write(file, ERB.new(File.read(File.join(CONFIG, template))).result_with_hash(port: port, **values))
    file
  end

  def await_listening
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 60
    begin
      TCPSocket.new("127.0.0.1", port).close
    rescue Errno::ECONNREFUSED
      ended = Process.wait(pid, Process::WNOHANG)
      if ended || Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
        raise "#{name} does not listen:\n#{File.read(@log)}"
      end

      sleep 0.02
      retry
    end
  end
end

# The backend of every proxy: nginx with fixed responses.
class Backend < Peer
  def initialize(processor:, body_size: nil)
    @body_size = body_size
    super("backend", processor: processor)
  end

  def command
    File.write(File.join(@directory, "body"), "x" * @body_size) if @body_size
    ["nginx", "-p", @directory, "-c", render("backend.conf.erb")]
  end
end

# A proxy under test. `wrapper` is a command to run it under (`valgrind …`).
class ProxyPeer < Peer
  def initialize(name, backend:, processor:, wrapper: [])
    @backend = backend
    @wrapper = wrapper
    super(name, processor: processor)
  end

  private

  def command = [*@wrapper, *proxy_command]
end

# nginx as the proxy.
class Nginx < ProxyPeer
  private

  def proxy_command
    values = { backend: @backend.address, single: !@wrapper.empty?, settings: settings }
    ["nginx", "-p", @directory, "-c", render("nginx.conf.erb", **values)]
  end

  # Further lines of its `server`.
  def settings = ""
end

# HAProxy as the proxy.
class HAProxy < ProxyPeer
  private

  def proxy_command = ["haproxy", "-db", "-f", render("haproxy.cfg.erb", backend: @backend.address)]
end

# This gem, with Ruby, as `proxy start` runs it.
class ThisGem < ProxyPeer
  private

  def environment = { "BENCH_URL" => "http://#{address}", "BENCH_BACKEND" => @backend.address }

  def proxy_command = [RbConfig.ruby, "-I#{ROOT}/lib", "#{ROOT}/exe/proxy", "start", "-c", "#{CONFIG}/Proxyfile"]
end

# The engine alone, without Ruby.
class Engine < ProxyPeer
  private

  def proxy_command = ["#{PROGRAMS}/plain", port.to_s, @backend.address]
end

# The same, and it counts what there are metrics for.
class Counting < Engine
  private

  def proxy_command = [*super, "metrics"]
end

# A server of the files in the folder `root`. `wrapper` is a command to run it under (`valgrind …`).
class FileServer < Peer
  def initialize(name, root:, processor:, wrapper: [])
    @root = root
    @wrapper = wrapper
    super(name, processor: processor)
  end

  private

  def command = [*@wrapper, *server_command]
end

# nginx as the server of files.
class NginxWithFiles < FileServer
  private

  def server_command
    ["nginx", "-p", @directory, "-c", render("nginx-files.conf.erb", root: @root, single: !@wrapper.empty?)]
  end
end

# This gem, with Ruby, as the server of files.
class GemWithFiles < FileServer
  private

  def environment = { "BENCH_URL" => "http://#{address}", "BENCH_ROOT" => @root }

  def server_command = [RbConfig.ruby, "-I#{ROOT}/lib", "#{ROOT}/exe/proxy", "start", "-c", "#{CONFIG}/files.Proxyfile"]
end

# The engine alone, without Ruby, as the server of files.
class EngineWithFiles < FileServer
  private

  def server_command = ["#{PROGRAMS}/files", port.to_s, @root]
end
