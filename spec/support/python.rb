# frozen_string_literal: true

require "json"
require "open3"

# Runs Python programs with packages from PyPI, which bin/setup --test installs into a virtual environment for the
# tests.
module Python
  EXECUTABLE = File.expand_path("../../tmp/python/bin/python", __dir__)

  # The command that runs apps/NAME.py.
  def self.command(name)
    raise "tmp/python is missing: run bin/setup --test" unless File.executable?(EXECUTABLE)

    [EXECUTABLE, "-u", File.expand_path("apps/#{name}.py", __dir__)]
  end

  # Runs apps/NAME.py to its end and returns its last line, parsed as JSON.
  def self.run(name, *arguments)
    output, status = Open3.capture2e(*command(name), *arguments.map(&:to_s))
    raise "#{name}.py failed:\n#{output}" unless status.success?

    JSON.parse(output.lines.last, symbolize_names: true)
  end
end
