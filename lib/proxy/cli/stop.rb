# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy stop`
    # @api private
    class Stop < Ending
      describe "stop a running proxy", <<~HELP
        proxy stop [--wait] [--json]

        Stops a running proxy as SIGTERM does: no new connections, and requests in
        flight may finish within shutdown_timeout. A second `proxy stop` changes
        nothing; SIGTERM ends what is left at once.

              WAITING
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy stop --wait && echo "It is gone."
      HELP

      private

      def perform
        status = control.status
        facts = control.stop
        has_stopped = departed?(status)
        answer(facts) { "PID #{status[:pid]} #{has_stopped ? "has stopped" : "stops"}." }
      end
    end
  end
end
