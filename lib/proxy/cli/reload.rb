# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy reload`
    # @api private
    class Reload < Asking
      describe "make a running proxy read its configuration again", <<~HELP
        proxy reload [--json]

        Makes a running proxy read its configuration again, without closing anything,
        and waits until it has done so. If anything is wrong, it is printed as by
        `proxy check`, the old configuration stays, and the exit status is 1.

          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy reload
          proxy reload -c config/proxy.rb
      HELP

      private

      def perform
        facts = control.reload
        (facts[:problems] || []).each { |warning| @err.puts "warning: #{Status::Header.problem(warning)}" } unless @json
        answer(facts) { "Reloaded #{facts[:file]}#{": #{count(facts[:routes], "route")}" if facts[:routes]}." }
      end
    end
  end
end
