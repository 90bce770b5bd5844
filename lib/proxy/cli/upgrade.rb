# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy upgrade`
    # @api private
    class Upgrade < Ending
      describe "replace a running proxy by a new process", <<~HELP
        proxy upgrade [--wait] [--json]

        Makes a running proxy start a new process on the same sockets, with the program
        and the gem that are installed now. Once the new one serves, the old one accepts
        nothing more and ends when its requests have. No connection is refused. If the
        new one does not start, the old one goes on, and the exit status is 1.

              WAITING
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          gem update proxy && proxy upgrade --wait
      HELP

      # The first process of a container stays: all others end with it.
      FIRST = 1
      private_constant :FIRST

      private

      def perform
        status = control.status
        old = status[:pid]
        facts = control.upgrade
        if old == FIRST
          return answer(facts) { "PID #{facts[:pid]} has taken over. PID 1 stays, and passes signals on to it." }
        end

        has_ended = departed?(status)
        answer(facts) do
          has_ended ? "PID #{facts[:pid]} has taken over, and PID #{old} has ended." :
            "PID #{facts[:pid]} takes over from PID #{old}."
        end
      end
    end
  end
end
