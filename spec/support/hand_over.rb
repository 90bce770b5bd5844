# frozen_string_literal: true

require_relative "integration"

# Processes of `proxy start` that take each other's place. All are killed in the end.
module HandOver
  def self.included(group)
    group.after { successors.each { |pid| kill(:KILL, pid) } }
  end

  # The first process: `text` is its Proxyfile, with a bind before it. Further arguments are options of the command.
  def start(text, *arguments, bind: "http://127.0.0.1:0", folder: directory, before: [], environment: {})
    @folder, @bind = folder, bind
    rewrite(text)
    @process = started(ChildProcess.new({ "PWD" => folder, **environment }, *before, RbConfig.ruby,
                                        "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start", *arguments,
                                        chdir: folder))
    @url = process.await_output(%r{(?:https?|unix)://\S+})[0]
    process.await_output(/Ctrl-C/)
    @current = before.empty? ? process.pid : process.output[/\(PID (\d+)\)/, 1].to_i
  end

  attr_reader :process, :url, :current, :folder

  def get(target = "/", headers = {}) = RawClient.request(url, "GET", target, headers)

  def successors = @successors ||= []

  def rewrite(text) = File.write("#{folder}/Proxyfile", "bind #{@bind.inspect}\n#{text}\n")

  # Replaces the process that serves. Returns the number of the new one, once it serves.
  def hand_over
    process.output.clear
    kill(:USR2, current)
    successors << process.await_output(/^PID (\d+) is being started/)[1].to_i
    process.await_output(/^PID #{successors.last} serves from now on\./)
    @current = successors.last
  end

  # Waits for the end of the first process, whose output a successor keeps open. Returns its exit status.
  def first_status
    Timeout.timeout(15) { Process.wait2(process.pid)[1].exitstatus }
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
