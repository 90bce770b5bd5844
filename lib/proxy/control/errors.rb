# frozen_string_literal: true

module Proxy
  module Control
    # A running proxy could not be asked, or it refused. The message is a sentence for a person.
    class Failure < Proxy::Error
    end

    # No proxy runs there.
    class NotRunning < Failure
    end

    # The proxy did not answer in time, or ended in the middle of its answer.
    class NoAnswer < Failure
    end

    # The proxy refused what it was asked for, or could not do it.
    #
    # @example
    #   begin
    #     control.reload
    #   rescue Proxy::Control::Refused => error
    #     error.problems.each { |problem| warn problem }
    #   end
    class Refused < Failure
      # @return [Integer] the status of its answer, such as 404 for an unknown name, 409 for one that is there already,
      #   422 for a wrong configuration
      attr_reader :status
      # @return [Array<Problem>] mistakes in the configuration, if there are any
      attr_reader :problems
      # @return [Hash{Symbol => Object}] the whole answer
      attr_reader :answer

      # @api private
      def initialize(status, answer)
        @status = status
        @answer = answer
        found = answer[:problems]
        @problems = (found.is_a?(Array) ? found : []).map { |facts| problem(facts) }.freeze
        super(answer[:error].is_a?(String) ? answer[:error] : "the proxy answered with status #{status}")
      end

      private

      def problem(facts)
        return Problem.new(message: facts.to_s) unless facts.is_a?(Hash)

        at = facts[:at].is_a?(Hash) ? facts[:at] : facts
        Problem.new(file: at[:file], line: at[:line], directive: facts[:directive], message: facts[:message].to_s,
                    severity: (facts[:severity] || :error).to_sym, code: facts[:code]&.to_sym)
      end
    end
  end
end
