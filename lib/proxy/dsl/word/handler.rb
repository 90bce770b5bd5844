# frozen_string_literal: true

module Proxy
  class DSL
    class Word
      # What answers a request. It takes options only.
      # @api private
      class Handler < Word
        private

        def run(call)
          call.place.no_block if call.block
          return add(call) if call.arguments.empty?

          call.place.options_only(*misplaced(call.arguments))
        end

        # What was written before the options, as a message shows it, and what is meant by it.
        def misplaced(values)
          [Format.show(values.first), example]
        end
      end
    end
  end
end
