# frozen_string_literal: true

require_relative "../problem"

module Proxy
  class Blocks
    # A value that a block must not return. The message says what it may.
    # @api private
    class WrongAnswer < StandardError; end

    # The text of the log about a block that failed.
    # @api private
    module Failure
      # The folder of the gem's own code.
      OWN = File.join(File.dirname(__dir__), "")
      private_constant :OWN

      # Exceptions that are an answer of a user's object: the engine keeps their text with what it had asked for.
      ANSWERS = [StandardError, ScriptError, SystemStackError].freeze

      # One line: the exception and where it was raised.
      def self.message(error)
        text = Problem.text(without_receiver(error)).lines(chomp: true).first.to_s
        return text if error.is_a?(WrongAnswer)
        return "`return` leaves no block: write next in its place" if error.is_a?(LocalJumpError)

        frames = error.backtrace_locations || []
        # In the configuration or the application, if it was raised for what they call here.
        place = frames.find { |frame| !frame.path.start_with?(OWN) } || frames.first
        "raised #{error.class}#{": #{text}" unless text.empty?}#{" (#{place.path}:#{place.lineno})" if place}"
      rescue StandardError
        # The exception's own message raised another.
        "raised #{error.class}"
      end

      # Before Ruby 3.4, the message of a NameError shows all that is in an object, which may be secrets.
      def self.without_receiver(error)
        return error.message unless error.is_a?(NameError)

        receiver = error.receiver
        return error.message if receiver.nil? || receiver == true || receiver == false || receiver.is_a?(Module)

        shown = / for #{Regexp.escape(receiver.inspect)}(:#{Regexp.escape(receiver.class.to_s)})?/
        error.message.sub(shown) { " for an instance of #{receiver.class}" }
      rescue ArgumentError
        # It has no receiver.
        error.message
      end
      private_class_method :without_receiver
    end
  end
end
