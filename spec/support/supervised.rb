# frozen_string_literal: true

require "support/integration"

# `proxy run` in a separate process, in the example's directory.
module Supervised
  APP = File.expand_path("apps/supervised.rb", __dir__)
  PROXY = [RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE].freeze
  # Processes that the suite's own environment must not speak to.
  CLEAN = %w[PORT NOTIFY_SOCKET BINDING RACK_ENV RAILS_ENV APP_ENV].to_h { |name| [name, nil] }.freeze

  # The processes of a session (proc(5)).
  def self.session(number)
    Dir.glob("/proc/[0-9]*/stat").filter_map do |path|
      fields = File.read(path).rpartition(")").last.split
      path[/\d+/].to_i if fields[3].to_i == number
    rescue Errno::ENOENT, Errno::ESRCH
      nil
    end
  end

  attr_reader :process

  # Starts it with a command; without one with the application of these examples.
  def start_run(*options, command: [RbConfig.ruby, APP], env: {}, bind: "http://127.0.0.1:0", before: [])
    binds = bind ? ["-b", bind] : []
    # In a session without a terminal, wherever the suite runs.
    @process = ChildProcess.new({ **CLEAN, **env }, "setsid", *before, *PROXY, "run", *binds, *options, "--", *command,
                                chdir: directory)
  end

  # Its URL, once it listens.
  def url = process.await_output(%r{^  (http://\S+)$})[1]

  def await_ready = process.await_output(/^The application is ready/)

  # PID of the application, as the command says.
  def app = process.await_output(/starts as PID (\d+)/)[1].to_i

  # A path in the example's directory that a reader waits at until {#open_gate}.
  def gate(name) = File.join(directory, name).tap { |path| File.mkfifo(path) }

  # Lets the reader go on. It must be there already, or come.
  def open_gate(path, text = "\n") = File.write(path, text)

  # Whether a process is there.
  def running?(pid)
    Process.kill(0, pid)
    File.read("/proc/#{pid}/stat").split(")").last.split.first != "Z"
  rescue Errno::ESRCH, Errno::ENOENT
    false
  end

  def get(path = "/", headers = {}) = RawClient.request(url, "GET", path, headers)

  # The exit status.
  def finish(limit: 10) = process.wait(limit: limit).exitstatus
end

RSpec.configure do |config|
  config.include Supervised, :supervised
  config.after(:each, :supervised) do
    next unless process

    process.stop
    # Applications may be left: they are in the session of the command.
    Supervised.session(process.pid).each do |pid|
      Process.kill(:KILL, pid)
    rescue Errno::ESRCH
      next
    end
  end
end
