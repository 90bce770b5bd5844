# frozen_string_literal: true

require_relative "integration"

# Processes of `proxy start` that take each other's place. All are killed in the end.
module HandOver
  def self.included(group)
    group.after { successors.each { |pid| kill(:KILL, pid) } }
  end

  # The first process.
  def start(text, **options)
    @proxy = start_proxy_process(text, **options)
    @current = @proxy.process.pid
    @folder = File.realpath("/proc/#{@current}/cwd")
    @bind = File.readlines("#{@folder}/Proxyfile").first
    @proxy
  end

  attr_reader :current, :folder

  def successors = @successors ||= []

  def rewrite(text) = File.write("#{folder}/Proxyfile", "#{@bind}#{text}")

  # Replaces the process that serves. Returns the number of the new one, once it serves.
  def hand_over
    @proxy.process.output.clear
    yield if block_given?
    kill(:USR2, current) unless block_given?
    successors << @proxy.process.await_output(/^PID (\d+) is being started/)[1].to_i
    @proxy.process.await_output(/^PID #{successors.last} serves from now on\./)
    @current = successors.last
  end

  # Waits for the end of the first process, whose output a successor keeps open. Returns its exit status.
  def first_status
    Timeout.timeout(15) { Process.wait2(@proxy.process.pid)[1].exitstatus }
  end

  def kill(signal, pid)
    Process.kill(signal, pid)
  rescue Errno::ESRCH
    nil
  end

  # Whether the process is there and no zombie.
  def alive?(pid)
    File.read("/proc/#{pid}/stat").rpartition(")").last.split.first != "Z"
  rescue Errno::ENOENT, Errno::ESRCH
    false
  end

  # The number of open descriptors.
  def descriptors(pid = current) = Dir.children("/proc/#{pid}/fd").length
end
