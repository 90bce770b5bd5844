# frozen_string_literal: true

module Proxy
  module Control
    # A deploy, with its steps as they happen.
    # @api private
    class Deploy
      # Seconds without a word of the proxy beyond those that a step may take by itself.
      SPARE = 60
      private_constant :SPARE

      def initialize(client, upstream, options)
        @client = client
        @upstream = upstream
        @options = options
      end

      # Yields each step and returns the answer.
      # @raise [Refused] if the deploy has failed
      def perform
        over = nil
        answer = @client.stream("POST", "/upstreams/#{Control.escape(@upstream)}/deploy", @options,
                                silence: silence) do |event|
          case event.name
          when :done then over = event.data
          when :failed then raise Refused.new(422, event.data)
          else yield event.data if block_given?
          end
        end
        answer || over || raise(NoAnswer, "the proxy ended during the deploy: `proxy status` says what became of it")
      end

      private

      # The longest time between two steps: the checks, the drain, the end of the tunnels.
      def silence
        @options.values_at(:timeout, :drain, :tunnels).compact.max.to_f + SPARE
      end
    end
  end
end
