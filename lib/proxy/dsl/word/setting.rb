# frozen_string_literal: true

module Proxy
  class DSL
    class Word
      # A word for a setting of the whole server. It may stand once, outside of every location.
      # @api private
      class Setting < Word
        # @return [String]
        def default
          self.class.facts[:default] || Defaults.shown(Defaults.setting(name), takes)
        end

        private

        def run(call)
          return unless call.draft.top_level?(call.place)

          given, = read(call.options, call.place)
          call.draft.set(name, block(call, setting(value(call), given, call.place)), call.place)
        end

        # The setting with the block of the call, for a word that takes one.
        def block(call, setting)
          call.place.no_block if call.block
          setting
        end

        # The single value of the call.
        def value(call)
          values = @many ? [call.arguments.flatten].reject(&:empty?) : call.arguments
          return takes.read(values.first, call.place) if values.length == 1
          return call.place.error("the value is missing: write #{takes.hint}") if values.empty?

          call.place.error("takes one value, not #{values.length}: write #{instead_of_several(values)}")
        end

        def instead_of_several(values)
          "#{name} #{Format.show(values.first)}"
        end

        # The setting in the engine's form.
        def setting(value, given, place)
          value.equal?(INVALID) ? value : { "value" => value, "at" => place.at, **given }
        end
      end
    end
  end
end
