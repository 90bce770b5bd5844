# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy pause`
    # @api private
    class Pause < Asking
      describe "hold the requests of an upstream for a while", <<~HELP
        proxy pause UPSTREAM [--for SECONDS] [--json]

        Holds the requests of an upstream before a backend is chosen, such as during a
        migration of the database. Requests in flight go on. `proxy resume` lets the
        held ones go on. When the time is over they get 503, and so does every new
        request until `proxy resume`.

              --for SECONDS       the longest time; else 30
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy pause app --for 20 && bin/rails db:migrate; proxy resume app
      HELP

      private

      def declare(options)
        super
        number_option(options, "--for SECONDS", above_zero: true) { |number| @for = number }
      end

      def obey(*upstreams)
        one(upstreams, "write the upstream whose requests shall wait") do |upstream|
          facts = control.pause(upstream, @for)
          answer(facts) { "Requests for #{upstream} wait. `proxy resume #{upstream}` lets them go on." }
        end
      end
    end

    # `proxy resume`
    # @api private
    class Resume < Asking
      describe "let held requests go on", <<~HELP
        proxy resume UPSTREAM [--json]

        Lets the requests of an upstream go on that `proxy pause` holds. It ends its
        maintenance too.

          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy resume app
      HELP

      private

      def obey(*upstreams)
        one(upstreams, "write the upstream whose requests shall go on") do |upstream|
          answer(control.resume(upstream)) { "Requests for #{upstream} go on." }
        end
      end
    end
  end
end
