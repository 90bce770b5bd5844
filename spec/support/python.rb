# frozen_string_literal: true

require "json"
require "open3"

# Programs in Python, with packages from PyPI that bin/setup --test puts into an environment of the tests' own.
module Python
  EXECUTABLE = File.expand_path("../../tmp/python/bin/python", __dir__)

  # The command that runs apps/NAME.py.
  def self.command(name)
    raise "tmp/python is missing: run bin/setup --test" unless File.executable?(EXECUTABLE)

    [EXECUTABLE, "-u", File.expand_path("apps/#{name}.py", __dir__)]
  end

  # Runs apps/NAME.py to its end. What it prints last is JSON.
  def self.run(name, *arguments)
    output, status = Open3.capture2e(*command(name), *arguments.map(&:to_s))
    raise "#{name}.py failed:\n#{output}" unless status.success?

    JSON.parse(output.lines.last, symbolize_names: true)
  end
end
