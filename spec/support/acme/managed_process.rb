# frozen_string_literal: true

require_relative "../running_proxy"

# `proxy start` in a process of its own, at a plain and a TLS address, with names that it gets certificates for. It can
# be killed and started again with the same storage.
class ManagedProcess
  attr_reader :process, :urls

  # Ruby code in an option, in place of its value.
  Code = Struct.new(:text) { def inspect = text }

  # `acme`: options of `acme`, as Ruby reads them from text. `on_demand`: the text of its block. `more`: further lines
  # of its Proxyfile. `mode`: permissions of its folder.
  def initialize(*hosts, acme:, on_demand: nil, more: "", environment: {}, command: [], mode: 0o700)
    @directory = Dir.mktmpdir("managed")
    File.chmod(mode, @directory)
    File.write("#{@directory}/Proxyfile", <<~RUBY)
      threads 1
      bind "http://127.0.0.1:0"
      bind "https://0.0.0.0:0"
      acme(**#{acme.inspect}#{", on_demand: #{on_demand}" if on_demand})
      #{hosts.map { |name| "host(#{name.inspect}) { static_response body: #{name.inspect} }" }.join("\n")}
      #{more}
    RUBY
    @environment = environment
    @command = [*command, RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE]
    start
  end

  # Starts it, after it has ended.
  def start
    @process = ChildProcess.new(@environment, *@command, "start", chdir: @directory)
    # Lines of the log may stand between them.
    @urls = %w[http https].map { |scheme| process.await_output(%r{^  (#{scheme}://\S+)$}, limit: 30)[1] }
  end

  # Kills it as a machine does that loses its power.
  def kill = process.stop

  # Asks it to end, and waits for that.
  def end_itself = process.end_itself

  # Waits for a line of its log.
  def await(pattern, limit: 15) = process.await_output(pattern, limit: limit)

  # What `proxy certificates --json` says with its configuration.
  def certificates = JSON.parse(command("certificates", "--json"), symbolize_names: true)

  # Output of a command of `proxy` in its folder.
  def command(*arguments)
    output, status = Open3.capture2e(@environment, *@command, *arguments, chdir: @directory)
    raise "proxy #{arguments.join(" ")} ended with #{status.exitstatus}:\n#{output}" unless status.success?

    output
  end

  def stop
    process.stop
    FileUtils.rm_rf(@directory)
  end
end
