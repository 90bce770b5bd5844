# frozen_string_literal: true

module Proxy
  class DSL
    class Word
      # A word for a filter: it lets a request pass to the handler, changed or not, or answers it.
      # @api private
      class Filter < Word
        class << self
          # Declares options of which one is required. If it was reported as wrong, the engine does not check the
          # filter: it would report the option as missing.
          def needs(*names)
            facts[:needs] = names
          end

          # Declares the option for the response to refused requests; `name` is the default, a built-in response.
          def refusal(name, prose = "The response to a refused request.")
            option :error_response, Types::ERROR_RESPONSE, prose, default: "the built-in `#{name}`", unset: true
          end

          # Reports `compress false`: a filter holds for all that is inside of its location.
          def not_off(name, place)
            place.error("false does not switch it off: leave this line out, and write #{name} in those locations " \
                        "alone that are to have it")
          end
        end

        private

        def run(call)
          place = call.place
          given, sound = read(call.options, place)
          if takes
            value = takes.read(call.arguments, place)
            return if value.equal?(INVALID)

            given[@as] = value
          elsif !call.arguments.empty?
            return self.class.not_off(name, place) if call.arguments == [false]

            sound = false
            place.options_only(first_value(call.arguments), example || "#{name} #{names.first}: …")
          end
          block = block(call, given)
          return if block.nil? || lost?(call.options, given) || !(sound || enough?(given))

          call.draft.add_route("filter" => { name.to_s => { **given, **block, "at" => place.at } })
        end

        # The block in the engine's form: empty, since most filters take none; nil if it is missing.
        def block(call, _given)
          call.place.no_block if call.block
          {}
        end

        # The unexpected value before the options, as text for a message.
        def first_value(values)
          Format.show(values.first)
        end

        # Whether a required option was reported as wrong.
        def lost?(options, given)
          self.class.facts.fetch(:needs, []).any? { |name| !options[name].nil? && !given.key?(name.to_s) }
        end
      end

      # A word for a filter whose options hold secrets.
      # @api private
      class AuthFilter < Filter
        # Declares the option for the response to refused requests; the default is the built-in `unauthorized`.
        def self.refusal
          super("unauthorized", "The response to a refused request: a built-in name or a Hash, see `error_response`.")
        end

        private

        # Shows only the kind of the value: it may be a secret.
        def first_value(values)
          Format.kind(values.first)
        end
      end
    end
  end
end
