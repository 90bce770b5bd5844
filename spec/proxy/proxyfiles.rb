# frozen_string_literal: true

require "open3"
require "rbconfig"
require "tmpdir"

# Helpers for configuration files in a directory that is removed after the example.
module Proxyfiles
  ROOT = File.expand_path("../..", __dir__)
  COMMAND = [RbConfig.ruby, "-I#{ROOT}/lib", "#{ROOT}/exe/proxy"].freeze

  # Runs the example inside an empty directory.
  def self.included(group)
    group.around do |example|
      Dir.mktmpdir("proxyfiles") do |directory|
        # The real path, without symbolic links, as in messages.
        @directory = File.realpath(directory)
        example.run
      end
    end
  end

  attr_reader :directory

  # Writes a file and returns its path.
  def write(name, text)
    path = File.join(directory, name)
    FileUtils.mkdir_p(File.dirname(path))
    File.write(path, text)
    path
  end

  # Problems of a Proxyfile with this text, one line each, with the file name `Proxyfile`.
  def problems_of(text)
    path = write("Proxyfile", text)
    Proxy.check(path).map { |problem| problem.to_s.gsub("#{directory}/", "") }
  end

  # The configuration in the engine's form, without line numbers. Fails if there are problems.
  def configuration_of(text)
    config = Proxy::Config.load(write("Proxyfile", text))
    expect(config.errors.map(&:to_s)).to eq([])
    without_lines(config.to_h)
  end

  # Options of the only handler in a Proxyfile with this text.
  def options_of(text)
    configuration_of(text).fetch("routes").fetch(0).values.first
  end

  # Runs `proxy` in the directory and returns its standard output, standard error and exit status.
  def run_command(*arguments)
    out, err, status = Open3.capture3(*COMMAND, *arguments, chdir: directory, stdin_data: "")
    [out, err, status.exitstatus]
  end

  private

  def without_lines(value)
    case value
    when Hash then value.except("at").transform_values { |part| without_lines(part) }
    when Array then value.map { |part| without_lines(part) }
    else value
    end
  end
end
