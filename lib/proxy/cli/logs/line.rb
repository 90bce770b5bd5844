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
          [time, @facts[:status] || "---", Amounts.latency(seconds).rjust(6), request, ends, reason]
            .compact.map { |part| Amounts.on_one_line(part) }.join(" ")
        end

        private

        # The time of day, as the proxy wrote it.
        def time = @facts[:time].to_s[/T(\d\d:\d\d:\d\d)/, 1] || @facts[:time]

        def seconds = @facts[:duration_ms] && (@facts[:duration_ms] / 1000.0)

        def request
          "#{@facts[:method]} #{@facts[:host]}#{@facts[:path]}#{"?#{@facts[:query]}" if @facts[:query]}"
        end

        def ends
          [@facts[:addr], @facts[:backend]].compact.join(" > ")
        end

        # In this version a number says why the proxy itself answered; 0 is none.
        def reason
          reason = @facts[:reason]
          "(#{reason.to_s.tr("_", " ")})" unless reason.nil? || reason == 0
        end
      end
    end
  end
end
