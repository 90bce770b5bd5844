# frozen_string_literal: true

module Proxy
  module CLI
    class Top
      # The page of each second.
      # @api private
      class Pages
        # Samples that are kept: failures are counted over so many seconds.
        KEPT = 10
        private_constant :KEPT

        # @return [Order]
        attr_accessor :order

        def initialize(sort)
          @order = Order.new(sort)
          @samples = []
        end

        # Takes what the proxy says now, and returns the lines.
        def add(status)
          @samples << Status::Sample.new(status, Process.clock_gettime(Process::CLOCK_MONOTONIC))
          @samples.shift while @samples.length > KEPT + 1
          lines
        end

        # The lines of the latest sample; none before the first.
        def lines
          now = @samples.last or return []
          change = now.since(@samples[-2] || now)
          long = now.since(@samples.first)
          errors = ->(upstream, backend) { long.backend_counts(upstream, backend[:address]) }
          known = @samples.length > 1
          table = Status::Table.new(now.status, change, order: order.by(change, errors), errors: errors)
          [*Status::Header.new(now.status, rate: (change.rate if known)).lines, "", *table.lines]
        end
      end
    end
  end
end
