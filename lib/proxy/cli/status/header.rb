# frozen_string_literal: true

module Proxy
  module CLI
    class Status
      # The lines above the table: the process, its configuration, and what an operator should know.
      # @api private
      class Header
        # A problem as a line.
        def self.problem(facts)
          return Amounts.on_one_line(facts) unless facts.is_a?(Hash)

          place = [facts[:file], facts[:line]].compact.join(":")
          Amounts.on_one_line(facts[:text] || [place, facts[:directive], facts[:message]].reject { |part|
            part.to_s.empty?
          }.join(": "))
        end

        def initialize(status, now: Time.now, rate: nil)
          @status = status
          @now = now
          @rate = rate
        end

        def lines = [process, file, *traffic, *maintenance, *reload, *warnings]

        private

        def process
          "proxy #{@status[:version]}, PID #{@status[:pid]}, up #{span(@status[:started_at])}" \
            "#{", stopping" if @status[:stopping]}#{": #{@status[:urls].join(", ")}" if @status[:urls]&.any?}"
        end

        def file
          file, loaded = @status.values_at(:file, :loaded_at)
          return "no file" unless file

          "#{file.delete_prefix("#{Dir.pwd}/")}#{", read #{span(loaded)} ago" if loaded}"
        end

        def traffic
          requests = @status.fetch(:requests, {})
          parts = [count(@status.dig(:connections, :active), "connection"),
                   "#{requests[:in_flight] || 0} in flight", "#{requests[:queued] || 0} queued"]
          parts << "#{Amounts.rate(@rate)} requests/s" if @rate
          times = requests[:latency]
          [parts.join(", "), *(latency(times) if times&.values&.any?)]
        end

        def latency(quantiles)
          shown = { "50 %" => :p50, "95 %" => :p95, "99 %" => :p99 }.map do |part, name|
            "#{part} within #{Amounts.latency(quantiles[name])}"
          end
          "answered: #{shown.join(", ")}"
        end

        # That of all upstreams: the table has that of one.
        def maintenance
          facts = @status[:maintenance] or return []
          ["All upstreams are in maintenance#{": #{Amounts.on_one_line(facts[:message])}" if facts[:message]}"]
        end

        # What became of the last reload, if it failed.
        def reload
          reload = @status[:reload]
          return [] unless reload && reload[:result] == "failed"

          found = reload[:problems] || []
          found = [reload[:error]] if found.empty? && reload[:error]
          ["The reload #{span(reload[:at])} ago failed, and the configuration before stays:",
           *found.map { |problem| "  #{Header.problem(problem)}" }]
        end

        def warnings = (@status[:warnings] || []).map { |warning| "warning: #{Header.problem(warning)}" }

        def span(moment) = Amounts.span(@now.to_f - moment.to_f)

        def count(number, word) = "#{number || 0} #{word}#{"s" unless number == 1}"
      end
    end
  end
end
