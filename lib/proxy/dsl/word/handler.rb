# frozen_string_literal: true

module Proxy
  class DSL
    class Word
      # A word for a handler, which answers a request. It takes options only.
      # @api private
      class Handler < Word
        private

        def run(call)
          call.place.no_block if call.block
          return add(call) if call.arguments.empty?

          call.place.options_only(*misplaced(call.arguments))
        end

        # The unexpected value before the options, as text for a message, and its correction.
        def misplaced(values)
          [Format.show(values.first), example]
        end
      end
    end
  end
end
