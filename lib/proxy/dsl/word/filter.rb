# frozen_string_literal: true

module Proxy
  class DSL
    class Word
      # What stands between a request and its handler: it lets a request pass, changed or not, or answers it.
      # @api private
      class Filter < Word
        class << self
          # Options of which one must be there. If it was reported as wrong, the engine is not asked: it would miss it.
          def needs(*names)
            facts[:needs] = names
          end

          # The option for the response to what the filter refuses; `name` is that of the built-in one.
          def refusal(name, prose = "The response to a refused request.")
            option :error_response, Types::ERROR_RESPONSE, prose, default: "the built-in `#{name}`", unset: true
          end
        end

        private

        def run(call)
          place = call.place
          place.no_block if call.block
          given, sound = read(call.options, place)
          if takes
            value = takes.read(call.arguments, place)
            return if value.equal?(INVALID)

            given[@as] = value
          elsif !call.arguments.empty?
            sound = false
            place.options_only(first_value(call.arguments), example || "#{name} #{names.first}: …")
          end
          return if lost?(call.options, given) || !(sound || enough?(given))

          call.draft.add_route("filter" => { name.to_s => { **given, "at" => place.at } })
        end

        # What was written before the options of a filter that takes options alone, as a message may show it.
        def first_value(values)
          Format.show(values.first)
        end

        # Whether something that is needed was reported as wrong.
        def lost?(options, given)
          self.class.facts.fetch(:needs, []).any? { |name| !options[name].nil? && !given.key?(name.to_s) }
        end
      end

      # A filter that is given secrets.
      # @api private
      class AuthFilter < Filter
        # The option for the response to what the filter refuses.
        def self.refusal
          super("unauthorized", "The response to a refused request: a built-in name or a Hash, see `error_response`.")
        end

        private

        # What is written before the options may be a secret.
        def first_value(values)
          Format.kind(values.first)
        end
      end
    end
  end
end
