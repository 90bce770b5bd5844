# frozen_string_literal: true

require "json"

module Proxy
  module CLI
    # `proxy check`
    # @api private
    class Check < Command
      describe "say whether the configuration is right", <<~HELP
        proxy check [-c PATH | --to ADDRESS...] [--json]

        Reads the configuration as `proxy start` does, and starts nothing. Everything
        that is wrong is printed at once, with file, line and what to write instead.
        Exits with 0 when all is well, warnings or not, and with 1 otherwise.

          -c, --config PATH   the configuration; else Proxyfile, then config/proxy.rb
              --json          print one JSON object instead, for editors and CI
              --to ADDRESS    no file: forward to this backend; repeatable
          -h, --help          this text

        The JSON object has "file", "ok", "binds", "routes" and "problems", an array of
        objects with "file", "line" (null for the whole file), "severity" ("error" or
        "warning"), "code" ("syntax", "exception", "file", "word", "option", "value" or
        "slip"), "directive", "message", and "remedy", the part of the message that says
        what to do. More keys may come; these stay.

        Examples:
          proxy check && systemctl restart proxy
          proxy check --json | jq -r '.problems[] | "\\(.file):\\(.line): \\(.message)"'
      HELP

      private

      def declare(options)
        config_option(options)
        to_option(options)
        options.on("--json") { @json = true }
      end

      def perform
        config = @json ? aside { checked } : checked
        return print_json(config.file, config.problems, binds: config.bind_count, routes: config.route_count) if @json

        config.warnings.each { |warning| @err.puts "warning: #{warning}" }
        errors = config.errors
        return complain(errors, "#{config.file} has #{count(errors.length, "error")}.") unless errors.empty?

        @out.puts "#{config.file} is fine: #{count(config.bind_count, "bind")}, #{count(config.route_count, "route")}" \
                  "#{", #{count(config.warnings.length, "warning")}" unless config.warnings.empty?}" \
                  "#{". It is for `proxy run -- COMMAND`" if config.for_run?}"
        OK
      # An `exit` in the configuration must not look like a successful check.
      rescue SystemExit => error
        ended(error)
      end

      # A file with `:app` is checked as `proxy run` takes it.
      def checked = configuration(app: Config::Unknown.new)

      # Reports that the configuration calls `exit`, and where.
      def ended(error)
        line = error.backtrace_locations&.find do |location|
          !location.path.start_with?(File.expand_path("../..", __dir__)) && location.label != "<main>"
        end
        file = @path || Config.find
        problem = Problem.new(file: line&.path || file, line: line&.lineno, code: :exception,
                              message: "the configuration ends the command here, so nothing was checked: leave " \
                                       "`exit` or `abort` out")
        return print_json(file, [problem], binds: 0, routes: 0) if @json

        @err.puts problem
        FAILED
      end

      # Sends output of the configuration itself to standard error: it is no part of the JSON object.
      def aside
        out, $stdout = $stdout, @err.io
        yield
      ensure
        $stdout = out
      end

      def print_json(file, problems, **counts)
        ok = problems.none? { |problem| problem.severity == :error }
        @out.puts JSON.pretty_generate(file: file, ok: ok, **counts, problems: problems.map(&:to_h))
        ok ? OK : FAILED
      end
    end
  end
end
