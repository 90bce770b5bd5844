# frozen_string_literal: true

module Proxy
  module CLI
    class Status
      # The upstreams and their backends as lines.
      # @api private
      class Table
        HEAD = %w[UPSTREAM STATE BUSY QUEUE REQ/S ERR% P50 P95 P99 CHECK].freeze
        private_constant :HEAD

        # `change` has the rates. `order` sorts the backends of an upstream; `errors` tells the requests and failures
        # that per cents are made from: those since the start without it.
        def initialize(status, change, now: Time.now, order: nil, errors: nil)
          @status = status
          @change = change
          @now = now
          @order = order
          @errors = errors || ->(_, backend) { backend.values_at(:requests, :failures) }
        end

        # The head, a line for each upstream and each of its backends, and lines with reasons.
        def lines
          upstreams = @status[:upstreams]
          return ["There are no upstreams."] if upstreams.empty?

          rows = upstreams.flat_map { |upstream| rows(upstream) }
          columns = Columns.new([HEAD, *rows.map(&:first)])
          [columns.line(HEAD), *rows.flat_map { |row, notes| [columns.line(row), *notes] }]
        end

        private

        def rows(upstream)
          backends = upstream[:backends]
          backends = backends.sort_by { |backend| @order.call(upstream[:name], backend) } if @order
          [[total(upstream), notes(upstream)],
           *backends.map { |backend| [row(upstream[:name], backend), trouble(backend)] }]
        end

        def total(upstream)
          backends = upstream[:backends]
          name = upstream[:name]
          rates = backends.filter_map { |backend| @change.backend_rate(name, backend[:address]) }
          requests, failures = backends.map { |backend| @errors.call(name, backend) }.transpose.map(&:sum)
          up = backends.count { |backend| backend[:state] == "ready" }
          [Amounts.on_one_line(name), "#{up}/#{backends.length} up",
           backends.sum { |backend| backend[:in_flight] }.to_s, upstream[:queue].to_s,
           (rates.empty? ? "-" : Amounts.rate(rates.sum)),
           Amounts.percent(failures || 0, requests || 0), *latency(upstream), ""]
        end

        def row(upstream, backend)
          rate = @change.backend_rate(upstream, backend[:address])
          requests, failures = @errors.call(upstream, backend)
          limit = "/#{backend[:max_connections]}" if backend[:max_connections]
          ["  #{Amounts.on_one_line(backend[:address].sub(%r{\Ahttp://}, ""))}", state(backend),
           "#{backend[:in_flight]}#{limit}", "", (rate ? Amounts.rate(rate) : "-"),
           Amounts.percent(failures, requests), *latency(backend), check(backend)]
        end

        # One that waits until the others are gone is no usual ready one.
        def state(backend) = backend[:backup] && backend[:state] == "ready" ? "backup" : backend[:state]

        def latency(facts)
          return [""] * 3 unless facts.key?(:latency)

          (facts[:latency] || {}).values_at(:p50, :p95, :p99).map { |seconds| Amounts.latency(seconds) }
        end

        def check(backend)
          check = backend[:check] or return "-"
          "#{check[:healthy] ? "ok" : "fails"} #{Amounts.short_span(@now.to_f - check[:since])}"
        end

        # What holds the requests of an upstream.
        def notes(upstream)
          deploying = "    a deploy is under way" if upstream[:deploying]
          [deploying, paused(upstream[:paused]), maintenance(upstream[:maintenance])].compact
        end

        def paused(pause)
          return unless pause

          left = pause[:until] && (pause[:until] - @now.to_f)
          return "    paused, and its time is over: requests get 503" unless left.nil? || left.positive?

          left = "for #{Amounts.span(left)} more" if left
          "    paused #{left}#{", #{pause[:held]} held" if pause[:held]}".rstrip
        end

        def maintenance(facts)
          return unless facts

          message = facts[:message] if facts.is_a?(Hash)
          "    in maintenance#{": #{Amounts.on_one_line(message)}" if message}"
        end

        def trouble(backend)
          check = backend[:check]
          check && check[:error] && !check[:healthy] ? ["    #{Amounts.on_one_line(check[:error])}"] : []
        end
      end
    end
  end
end
