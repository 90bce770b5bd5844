# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy check`
    # @api private
    class Check < Command
      describe "say whether the configuration is right", <<~HELP
        proxy check [-c PATH | --to ADDRESS...]

        Reads the configuration as `proxy start` does, and starts nothing. Everything
        that is wrong is printed at once, with file, line and what to write instead.
        Exits with 0 when all is well, warnings or not, and with 1 otherwise.

          -c, --config PATH   the configuration; else Proxyfile, then config/proxy.rb
              --to ADDRESS    no file: forward to this backend; repeatable
          -h, --help          this text

        Example:
          proxy check && systemctl restart proxy
      HELP

      private

      def declare(options)
        config_option(options)
        to_option(options)
      end

      def perform
        config = configuration
        config.warnings.each { |warning| @err.puts "warning: #{warning}" }
        errors = config.errors
        return complain(errors, "#{config.file} has #{count(errors.length, "error")}.") unless errors.empty?

        @out.puts "#{config.file} is fine: #{count(config.bind_count, "bind")}, #{count(config.route_count, "route")}" \
                  "#{", #{count(config.warnings.length, "warning")}" unless config.warnings.empty?}"
        OK
      end
    end
  end
end
