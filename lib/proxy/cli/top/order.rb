# frozen_string_literal: true

module Proxy
  module CLI
    class Top
      # The order of the backends of an upstream.
      # @api private
      class Order
        # What can be sorted by; all but the name: the greatest first.
        NAMES = %w[name busy requests errors latency].freeze

        # @return [String]
        attr_reader :name

        def initialize(name)
          @name = name
        end

        # The one that follows.
        def next = Order.new(NAMES[(NAMES.index(name) + 1) % NAMES.length])

        # What backends are sorted by, for {Status::Table}; nil for the order of the file.
        def by(change, errors)
          case name
          when "busy" then ->(_, backend) { -backend[:in_flight] }
          when "requests" then ->(upstream, backend) { -(change.backend_rate(upstream, backend[:address]) || 0) }
          when "errors" then ->(upstream, backend) { -share(*errors.call(upstream, backend)) }
          when "latency" then ->(_, backend) { -(backend.dig(:latency, :p99) || 0) }
          end
        end

        private

        def share(requests, failures) = requests.zero? ? 0.0 : failures.fdiv(requests)
      end
    end
  end
end
