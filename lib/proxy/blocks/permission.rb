# frozen_string_literal: true

module Proxy
  class Blocks
    # The block of `on_demand`, as the engine calls it.
    # @api private
    class Permission
      def initialize(block)
        @block = block
      end

      # Whether the name may have a certificate.
      def call(name, _call)
        @block.call(String.new(name, encoding: Encoding::UTF_8)) ? true : false
      end
    end
  end
end
