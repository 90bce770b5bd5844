# frozen_string_literal: true

module Proxy
  class Blocks
    # The block of an `access_log`, as the engine calls it.
    # @api private
    class LogReader
      def initialize(block)
        @block = block
      end

      # Passes on many lines at once.
      def call(text, _call)
        @block.call(text.force_encoding(Encoding::UTF_8).lines(chomp: true))
        nil
      end
    end
  end
end
