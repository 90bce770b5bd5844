# frozen_string_literal: true

require "io/wait"
require "timeout"
require_relative "wire"

# A program in a separate process. Its output is read line by line.
class ChildProcess
  attr_reader :pid, :output

  # `command` and options as for `Process.spawn`.
  def initialize(*command, **options)
    reader, writer = IO.pipe
    @reader = reader
    @output = +""
    @pid = Process.spawn(*command, in: File::NULL, out: writer, err: writer, **options)
    writer.close
  end

  # Reads the output until a line matches, and returns the match.
  def await_output(pattern, limit: 15)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
    until (match = pattern.match(output))
      left = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)
      unless left.positive? && @reader.wait_readable(left)
        raise Wire::Late, "no #{pattern.inspect} within #{limit} s in:\n#{output}"
      end

      piece = @reader.read_nonblock(4096, exception: false)
      raise "the process ended before it printed #{pattern.inspect}:\n#{output}" if piece.nil?

      output << piece unless piece == :wait_readable
    end
    match
  end

  def signal(name) = Process.kill(name, pid)

  # Waits until the process ends and returns its `Process::Status`.
  def wait(limit: 10)
    output << read_rest(limit)
    @status ||= Process.wait2(pid)[1]
  end

  # Asks the process to end, and waits for that.
  def end_itself
    return if @status

    signal(:TERM)
    wait
  rescue Errno::ESRCH, Wire::Late
    nil
  end

  # Kills the process.
  def stop
    return if @status

    signal(:KILL)
    @status = Process.wait2(pid)[1]
    @reader.close
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  end

  # Resident memory in bytes, now.
  def memory = status_field("VmRSS")

  # Growth of resident memory during the block, in bytes: the peak minus the value before.
  def memory_growth
    File.write("/proc/#{pid}/clear_refs", "5") # The peak starts anew from here.
    before = memory
    yield
    status_field("VmHWM") - before
  end

  private

  def status_field(name) = File.read("/proc/#{pid}/status")[/^#{name}:\s+(\d+) kB/, 1].to_i * 1024

  def read_rest(limit)
    Timeout.timeout(limit, Wire::Late, "the process did not end within #{limit} s; output:\n#{output}") { @reader.read }
  end
end
