# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "socket"
require "tmpdir"
require_relative "certs"
require_relative "child_process"
require_relative "free_ports"

# Runs the examples of a page as a reader would: it writes each Proxyfile, runs each `$ command`, and compares the
# output with the lines below it. Ports are replaced by free ones, and values that differ from run to run (times, ids,
# numbers) are not compared.
class ConsoleRun
  # Commands that other specs run, because they install something or need a machine of their own: the file that runs
  # each, and the text in it that shows this.
  ELSEWHERE = {
    "gem install proxy" => ["bin/test", "gem install"],
    "bin/demo" => ["bin/demo", "exec ruby -Ilib bin/demo.rb"],
    "bin/test" => [".ci/run", "exec bin/test"]
  }.freeze
  # Ports of the applications in the pages.
  BACKENDS = %w[3000 3001 3002].freeze
  PORT = /(?<=:)(?:3000|3001|3002|8080|8443)\b/
  ROOT = File.expand_path("../..", __dir__)

  attr_reader :directory

  def initialize
    @directory = Dir.mktmpdir("page")
    @servers = []
    @expectations = []
    @backends = BACKENDS.to_h { |port| [port, backend] }
    @ports = @backends.transform_values { |listener| listener.local_address.ip_port.to_s }
    %w[8080 8443].each { |port| @ports[port] = FreePorts.one.to_s }
    write_command
    write_application
    write_certificates
  end

  def write(path, text)
    path = File.join(@directory, path)
    FileUtils.mkdir_p(File.dirname(path))
    File.write(path, local(text))
  end

  # Runs the commands of a block. Returns the difference, or nil.
  def run(block)
    block.text.split(/^(?=\$ )/).each do |part|
      command, *expected = part.lines(chomp: true)
      command = command.delete_prefix("$ ")
      command = "#{command.chomp("\\")} #{expected.shift.strip}" while command.end_with?("\\")
      wrong = step(command.sub(/\s+#.*/, ""), expected)
      return wrong if wrong
    end
    nil
  end

  # Waits for the remaining expected output of the page's server. Returns the difference, or nil.
  def late = @expectations.filter_map { |server, expected| await(server, expected) }.first

  def stop
    # `proxy run` ends its application only if it is asked to end itself.
    @servers.last&.end_itself
    @servers.each(&:stop)
    @acceptors.each(&:kill)
    @backends.each_value(&:close)
    @certs.remove
    FileUtils.rm_rf(@directory)
  end

  private

  def step(command, expected)
    FileUtils.rm_f(File.join(@directory, "Proxyfile")) if command == "proxy init" # A reader begins in another folder.
    return elsewhere(command) if ELSEWHERE.key?(command)
    return serve(command, expected) if command.match?(/\Aproxy(?: (?:start|run).*)?\z/)

    output, status = Open3.capture2e(environment, "timeout", "15", "bash", "-c", local(command), chdir: @directory)
    return "#{command}: exit status #{status.exitstatus}: #{output}" if [124, 126, 127].include?(status.exitstatus)

    compare(command, output, expected)
  end

  def elsewhere(command)
    file, words = ELSEWHERE.fetch(command)
    "#{command}: #{file} no longer runs it" unless File.read(File.join(ROOT, file)).include?(words)
  end

  # Starts a server. It runs until the page starts another one.
  def serve(command, expected)
    if (last = @servers.last)
      wrong = late
      @expectations.clear
      last.signal(:TERM)
      last.wait
      return wrong if wrong
    end
    @servers << ChildProcess
                .new(environment, "bash", "-c", "exec #{with_default_bind(local(command))} 2>&1", chdir: @directory)
    @expectations << [@servers.last, expected]
    @servers.last.await_output(command.include?(" run ") ? /^The application is ready.*\n/ : /^.*Ctrl-C stops it.*\n/)
    nil
  end

  # The command with a free port in place of the default bind on port 8080, unless the Proxyfile has a bind.
  def with_default_bind(command)
    file = File.join(@directory, "Proxyfile")
    return command if !command.include?("--to") && File.file?(file) && File.read(file).match?(/^bind/)

    bind = " -b http://0.0.0.0:#{@ports.fetch("8080")}"
    command.include?(" run ") ? command.sub(" run", " run#{bind}") : "#{command}#{bind}"
  end

  def await(server, expected)
    server.await_output(/#{expected.reject { |line| line == "…" }.map { |line| pattern(line) }.join(".*")}/m)
    nil
  rescue StandardError => error
    error.message
  end

  def compare(command, output, expected)
    shown = expected.map { |line| line == "…" ? "(?:.*\n)*?" : "#{pattern(line)}\\s*\n" }.join
    "#{command} printed:\n#{output}" unless expected.empty? || output.b.force_encoding("UTF-8").match?(/\A#{shown}\z/)
  end

  # A pattern for a line, in which numbers, times and ids may differ.
  def pattern(line)
    pieces = %r{\d+/[A-Z][a-z]{2}/\d+|\d+\.\d+(?= seconds)|\b(?=\w*\d)[0-9a-f]{8,}\b|[\d.]+(?:ms|us)|\d+|\s+|.[^\d\s]*?}
    line.scan(pieces).map do |piece|
      case piece
      when %r{\A\d+/} then "\\d+/[A-Z][a-z]{2}/\\d+"
      when /\A(?=\w*\d)[0-9a-f]{8,}\z/ then "[0-9a-f]+"
      when /(?:ms|us)\z/ then "[\\d.]+(?:ms|us)"
      # 2.0 seconds are 2.
      when /\A\d+\.\d+\z/ then "\\d+(?:\\.\\d+)?"
      when /\A\d/ then "\\d+"
      when /\A\s/ then "\\s+"
      else Regexp.escape(piece)
      end
    end.join.gsub(/\bseconds\b/, "seconds?")
  end

  def local(text) = text.gsub(PORT) { |port| @ports.fetch(port) }

  def environment
    { "PATH" => "#{@directory}/bin:#{ENV.fetch("PATH")}:/usr/sbin", "HOME" => @directory, "XDG_DATA_HOME" => nil }
  end

  def write_command
    write("bin/proxy", "#!/bin/sh\nexec #{RbConfig.ruby} -I#{ROOT}/lib #{ROOT}/exe/proxy \"$@\"\n")
    File.chmod(0o755, File.join(@directory, "bin/proxy"))
  end

  # Writes the files of a Rails application.
  def write_application
    write("config/application.rb", "class Application < Rails::Application\n  config.load_defaults 7.1\nend\n")
    write("config/puma.rb", "threads 5, 5\nport ENV.fetch(\"PORT\", 3000)\n")
    write("config/routes.rb", "Rails.application.routes.draw do\n  get \"up\" => \"rails/health#show\"\nend\n")
    write("public/500.html", "<h1>Down</h1>\n")
    write("storage/report.pdf", "a report\n")
    write("Gemfile.lock", "GEM\n  specs:\n    puma (7.1.0)\n    railties (7.1.3)\n")
  end

  # Writes the certificate files that Proxyfiles name.
  def write_certificates
    @certs = Certs.new
    FileUtils.mkdir_p(File.join(@directory, "tls"))
    pairs = { "site" => @certs.server("www.example.com"), "admin" => @certs.server("admin.example.com"),
              "ca" => @certs.authority }
    pairs.each do |name, pair|
      FileUtils.cp(pair.certificate_file, File.join(@directory, "tls", "#{name}.pem"))
      FileUtils.cp(pair.key_file, File.join(@directory, "tls", "#{name}.key"))
    end
  end

  # An application that says hello.
  def backend
    listener = TCPServer.new("127.0.0.1", 0)
    (@acceptors ||= []) << Thread.new do
      loop { Thread.new(listener.accept) { |socket| nil while answer(socket) } }
    end
    @acceptors.last.report_on_exception = false
    listener
  end

  def answer(socket)
    head = socket.gets("\r\n\r\n") or return socket.close
    socket.read(head[/^content-length: *(\d+)/i, 1].to_i)
    socket.write "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 27\r\n\r\nHello from the application\n"
  end
end
