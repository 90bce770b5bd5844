# frozen_string_literal: true

module Proxy
  module CLI
    class Status
      # The lines above the table: the process, its configuration, and what an operator should know.
      # @api private
      class Header
        def initialize(status, now: Time.now, rate: nil)
          @status = status
          @now = now
          @rate = rate
        end

        def lines = [process, file, traffic, *reload, *warnings]

        private

        def process
          "proxy #{@status[:version]}, PID #{@status[:pid]}, up #{span(@status[:started_at])}" \
            "#{", stopping" if @status[:stopping]}#{": #{@status[:urls].join(", ")}" if @status[:urls]&.any?}"
        end

        def file
          loaded = @status[:loaded_at]
          "#{@status[:file] || "no file"}#{", read #{span(loaded)} ago" if loaded}"
        end

        def traffic
          requests = @status.fetch(:requests, {})
          parts = [count(@status.dig(:connections, :active), "connection"),
                   "#{requests[:in_flight] || 0} in flight", "#{requests[:queued] || 0} queued"]
          parts << "#{Amounts.rate(@rate)} requests/s" if @rate
          parts << latency(requests[:latency]) if requests[:latency]&.values&.any?
          parts.join(", ")
        end

        def latency(quantiles)
          quantiles.slice(:p50, :p95, :p99).map { |name, seconds| "#{name} #{Amounts.latency(seconds)}" }.join(" ")
        end

        # What became of the last reload, if it failed.
        def reload
          reload = @status[:reload]
          return [] unless reload && %w[ok done success].none?(reload[:result].to_s)

          ago = " #{span(reload[:at])} ago" if reload[:at]
          ["The reload#{ago} failed, and the configuration before stays:", *problems(reload[:problems])]
        end

        def warnings = problems(@status[:warnings]).map { |line| "warning: #{line.strip}" }

        def problems(found)
          (found || []).map { |facts|
            "  #{Amounts.on_one_line(facts.is_a?(Hash) ? placed(facts) : facts)}"
          }
        end

        def placed(facts)
          place = [facts[:file], facts[:line]].compact.join(":")
          [place, facts[:directive], facts[:message]].reject { |part| part.to_s.empty? }.join(": ")
        end

        def span(moment) = Amounts.span(@now.to_f - moment.to_f)

        def count(number, word) = "#{number || 0} #{word}#{"s" unless number == 1}"
      end
    end
  end
end
