# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Limits the length of a request's body.
      class MaxBody < Word::Filter
        prose "Refuses requests with a longer body. The innermost `max_body` applies."
        details "A request that says how long it is is refused at once, any other when it has become too long."
        example <<~RUBY
          max_body 1_048_576
        RUBY

        # The single value before the options.
        class Single < Types::Type
          def initialize(type)
            @type = type
            super(type.label, type.hint)
          end

          def signature = @type.signature

          def read(values, place)
            return @type.read(values.first, place) if values.one?

            wrong = values.empty? ? "the value is missing" : "takes one value, not #{values.length}"
            place.error("#{wrong}: write #{hint}")
          end
        end

        takes Single.new(Types::BODY_BYTES), as: :bytes

        refusal :payload_too_large

        private

        def run(call)
          # Inside a location, 0 may be intended.
          if call.arguments == [0] && call.draft.outermost?
            call.place.warning("0 refuses every body, where nginx means no limit: leave it out for no limit")
          end
          super
        end
      end
    end
  end
end
