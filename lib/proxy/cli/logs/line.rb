# frozen_string_literal: true

module Proxy
  module CLI
    class Logs
      # A request as a line: time, status, duration, request, who asked, who answered, and why it failed.
      # @api private
      class Line
        def initialize(facts)
          @facts = facts
        end

        def to_s
          return "#{@facts[:lost_lines]} lines are missing here: there were too many" if @facts[:lost_lines]

          [time, status, Amounts.latency(@facts[:duration_ms].to_f / 1000).rjust(6), request, ends, reason]
            .compact.map { |part| Amounts.on_one_line(part) }.join(" ")
        end

        private

        # The time of day, as the proxy has written it.
        def time = @facts[:time].to_s[/T(\d\d:\d\d:\d\d)/, 1]

        def status = @facts[:status].to_s.rjust(3)

        def request
          "#{@facts[:method]} #{@facts[:host]}#{@facts[:path]}#{"?#{@facts[:query]}" if @facts[:query]}"
        end

        def ends = [@facts[:addr], @facts[:backend]].compact.join(" > ")

        def reason = @facts[:reason] && "(#{@facts[:reason].tr("_", " ")})"
      end
    end
  end
end
