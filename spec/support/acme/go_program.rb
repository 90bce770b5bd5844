# frozen_string_literal: true

require "fileutils"
require "socket"
require "tmpdir"
require_relative "../free_ports"

# A program of Go that `bin/setup --test` has built, with its output in a file: it writes more than a pipe holds.
class GoProgram
  BUILT = File.expand_path("../../../tmp/pebble", __dir__)

  # Starts the program. The block makes its arguments from a folder for its files and `ports` free ports; it is called
  # again if another program was faster at one of the ports.
  def initialize(name, ports:, environment: {})
    @folder = Dir.mktmpdir(name)
    @log = "#{@folder}/log"
    3.times do
      taken = FreePorts.take(ports)
      @pid = Process.spawn(environment, "#{BUILT}/#{name}", *yield(@folder, *taken),
                           in: File::NULL, %i[out err] => @log)
      return if listening?(taken)
    end
    raise "#{name} did not start:\n#{log}"
  end

  # Everything that it has printed.
  def log = File.read(@log)

  def stop
    Process.kill(:KILL, @pid)
    Process.wait(@pid)
    FileUtils.rm_rf(@folder)
  end

  private

  # Whether it listens at all ports, rather than end.
  def listening?(ports)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 15
    ports.all? do |port|
      TCPSocket.new("127.0.0.1", port).close
      true
    rescue Errno::ECONNREFUSED
      next false if Process.wait(@pid, Process::WNOHANG)
      raise "the program does not listen:\n#{log}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

      sleep 0.01 # Nothing tells when it listens.
      retry
    end
  end
end
