# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # What methods of the user's objects take.
      module Arguments
        private

        # Whether a block, or what is called like one, can be given so many arguments.
        def block_takes?(block, count)
          return true if block.is_a?(Proc) && !block.lambda?

          takes?(block.respond_to?(:parameters) ? block : block.method(:call), count)
        end

        # Whether so many arguments can be given, and nothing else is needed.
        def takes?(callable, count)
          kinds = callable.parameters.map(&:first)
          least, most = kinds.count(:req), kinds.count { |kind| %i[req opt].include?(kind) }
          !kinds.include?(:keyreq) && least <= count && (most >= count || kinds.include?(:rest))
        end
      end
    end
  end
end
