# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy stop`
    # @api private
    class Stop < Asking
      describe "stop a running proxy", <<~HELP
        proxy stop [--wait] [--json]

        Stops a running proxy as SIGTERM does: no new connections, and requests in
        flight may finish within shutdown_timeout. A second `proxy stop` ends what is
        left at once.

              --wait              return only when it has ended
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy stop --wait && echo "It is gone."
      HELP

      private

      def declare(options)
        super
        options.on("--wait") { @wait = true }
      end

      def perform
        pid = control.status[:pid]
        facts = control.stop
        return answer(facts) { "PID #{pid} stops." } unless @wait

        Departure.new(control, pid).wait
        answer(facts) { "PID #{pid} has stopped." }
      end
    end
  end
end

require_relative "departure"
