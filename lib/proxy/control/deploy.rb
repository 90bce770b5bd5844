# frozen_string_literal: true

module Proxy
  module Control
    # A deploy, with its steps as they happen.
    # @api private
    class Deploy
      # Seconds that the proxy may say nothing, beyond those that a step may take by itself.
      SPARE = 60
      # Seconds that a step takes where nothing else is said: more than the default of any.
      USUAL = 60
      private_constant :SPARE, :USUAL

      def initialize(client, upstream, options)
        @client = client
        @upstream = upstream
        @options = options
      end

      # Yields each step and returns the last.
      # @raise [Refused] if the deploy has failed
      def perform
        last = nil
        @client.stream("POST", "/deploy", { upstream: @upstream, **@options }, silence: silence) do |event|
          last = event.data
          yield last if block_given? && last[:step] != "failed"
        end
        raise NoAnswer, "the proxy ended during the deploy: `proxy status` says what became of it" unless
          last && last[:status]
        raise Refused.new(last[:status], { **last, error: last[:message] }) unless last[:status] < 300

        last
      end

      private

      # The longest time between two steps: the checks, the drain, the end of the tunnels.
      def silence
        [USUAL, *@options.values_at(:timeout, :drain, :tunnels).compact].max + SPARE
      end
    end
  end
end
