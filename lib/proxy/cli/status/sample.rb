# frozen_string_literal: true

module Proxy
  module CLI
    class Status
      # What a proxy said at one moment.
      # @api private
      class Sample
        # Asks now.
        def self.take(control) = new(control.status, Process.clock_gettime(Process::CLOCK_MONOTONIC))

        # @return [Hash{Symbol => Object}]
        attr_reader :status
        # @return [Float] when, in seconds of the monotonic clock
        attr_reader :at

        def initialize(status, at)
          @status = status
          @at = at
        end

        # What happened since an earlier sample.
        def since(earlier) = Change.new(self, earlier)

        # The backends by the names of their upstream and their own.
        def backends
          @backends ||= status[:upstreams].flat_map { |upstream|
            upstream[:backends].map { |backend| [[upstream[:name], backend[:address]], backend] }
          }.to_h
        end
      end

      # The difference of two samples of one proxy.
      # @api private
      class Change
        def initialize(now, before)
          @now = now
          # Another process counts from 0.
          @before = before if before.status[:pid] == now.status[:pid]
          @seconds = [now.at - before.at, 0.001].max
        end

        # Requests per second of the whole proxy; nil if they are not known.
        def rate
          return unless @before

          (@now.status.dig(:requests, :total) - @before.status.dig(:requests, :total)) / @seconds
        end

        # Requests per second of a backend, nil if they are not known.
        def backend_rate(upstream, address)
          counted = counted(upstream, address, :requests) and counted / @seconds
        end

        # Requests and failures of a backend between the samples.
        def backend_counts(upstream, address)
          [counted(upstream, address, :requests) || 0, counted(upstream, address, :failures) || 0]
        end

        private

        def counted(upstream, address, what)
          key = [upstream, address]
          before = @before&.backends&.[](key) or return
          # A backend that came anew counts from 0.
          [@now.backends.fetch(key)[what] - before[what], 0].max
        end
      end
    end
  end
end
