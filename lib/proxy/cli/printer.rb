# frozen_string_literal: true

module Proxy
  module CLI
    # An output of a command that may be closed at any time. That is no error: only the exit status counts.
    # @api private
    class Printer
      # @return [IO] the output itself
      attr_reader :io

      def initialize(io)
        @io = io
      end

      # Prints lines as `IO#puts` does, or nothing if the output is closed, full or broken.
      def puts(*lines)
        io.puts(*lines)
      rescue SystemCallError, IOError
        nil
      end

      # Prints text at once. Returns whether that was possible: one who prints without end stops then.
      def print(text)
        io.write(text)
        io.flush
        true
      rescue SystemCallError, IOError
        false
      end
    end
  end
end
