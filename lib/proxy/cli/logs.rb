# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy logs`
    # @api private
    class Logs < Asking
      describe "show requests as they end", <<~HELP
        proxy logs [-f] [--status CLASS] [--path PREFIX] [--count N] [--json]

        Prints a line for each request that ends from now on, whether or not there is an
        access log, until Ctrl-C, or until the proxy ends: when, status, duration, what
        was asked for, who asked and who answered, and why it did not end as it should.
        A proxy keeps no old lines; -f may be written out of habit. If there are more
        than can be read, some are left out, and a line says how many.

          -f, --follow            what it does anyway
              --status CLASS      only these: 404, 5xx, 400-499 or 404,5xx; 0 is that of
                                  a request that the stop of the proxy cut
              --path PREFIX       only paths that begin like this: /api
              --slower-than SECS  only requests that took longer
              --count N           end after so many
          NAMING
              --json              print one JSON object for each request instead
          -h, --help              this text

        Examples:
          proxy logs -f
          proxy logs -f --status 5xx --path /api
          proxy logs --json --slower-than 1 | jq .duration_ms
      HELP

      private

      def declare(options)
        super
        options.on("-f", "--follow") { nil }
        options.on("--status CLASS", String) { |classes| @status = classes }
        # A star at the end is what people write who think of a pattern.
        options.on("--path PREFIX", String) { |prefix| @prefix = prefix.delete_suffix("*") }
        number_option(options, "--slower-than SECONDS") { |number| @slower_than = number }
        whole_option(options, "--count N", 1) { |number| @count = number }
      end

      def lines? = true

      def perform
        printed = 0
        follow(log: { status: @status, path: @prefix, slower_than: @slower_than }) do |event|
          next unless event.name == :log
          # Nobody reads any more.
          return OK unless @out.print("#{@json ? json(event.data) : Line.new(event.data)}\n")
          return OK if @count && (printed += 1) >= @count
        end
        @err.puts "The proxy has ended."
        OK
      rescue Interrupt
        OK
      end
    end
  end
end

require_relative "amounts"
require_relative "logs/line"
