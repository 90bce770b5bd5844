# frozen_string_literal: true

require_relative "failure"

module Proxy
  class Blocks
    # A block in `backends`, as the engine calls it.
    # @api private
    class Listing
      # Relative paths of unix sockets in its lists start from `directory`.
      def initialize(block, directory)
        @block = block
        @directory = directory
        @told = nil
      end

      # The list in the engine's form; nil if the block fails in the same way as before, so that the log has one line.
      def call(_argument, _call)
        list = read(@block.call)
        @told = nil
        list
      rescue StandardError => error
        told, @told = @told, Failure.message(error)
        raise unless told == @told
      end

      private

      def read(value)
        DSL::BackendList.read(value, @directory)
      rescue ArgumentError => error
        raise WrongAnswer, "answered with a wrong list: #{error.message}"
      end
    end
  end
end
