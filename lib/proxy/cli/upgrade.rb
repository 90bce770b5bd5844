# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy upgrade`
    # @api private
    class Upgrade < Asking
      describe "replace a running proxy by a new process", <<~HELP
        proxy upgrade [--wait] [--json]

        Makes a running proxy start a new process on the same sockets, with the program
        and the gem that are installed now. Once the new one serves, the old one accepts
        nothing more and ends when its requests have. No connection is refused. If the
        new one does not start, the old one goes on, and the exit status is 1.

              --wait              return only when the old process has ended
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

      def declare(options)
        super
        options.on("--wait") { @wait = true }
      end

      def perform
        old = control.status[:pid]
        facts = control.upgrade
        return answer(facts) { "PID #{facts[:pid]} takes over from PID #{old}." } unless @wait

        if old == FIRST
          return answer(facts) { "PID #{facts[:pid]} has taken over. PID 1 stays, and passes signals on to it." }
        end

        Departure.new(control, old).wait
        answer(facts) { "PID #{facts[:pid]} has taken over, and PID #{old} has ended." }
      end
    end
  end
end

require_relative "departure"
