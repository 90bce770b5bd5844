# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      class Acme < Word::Setting
        # A key of an account that an authority has given out: external account binding.
        class Binding < Schema
          ID = Types::Text.new("String", "the identifier of the key, as the authority shows it")
          KEY = Types::Secret.new("String", "the key in base64url, as the authority shows it")

          prose "The Hash that `eab:` of `acme` takes, for all authorities or for one."

          option :id, ID, "Identifier of the key.", required: true, aliases: [:kid]
          option :key, KEY, "The key (HMAC) in base64url.", required: true, aliases: [:hmac]
        end

        # External account bindings: one, or one for each authority.
        class Bindings < Types::Type
          include Types::Hidden

          BINDING = Binding.new(:eab)
          private_constant :BINDING

          def signature = "Hash[untyped, untyped]"

          def schema = BINDING

          def read(value, place)
            return wrong(value, place) unless value.is_a?(Hash)
            return place.error("it is empty: write #{hint}, or leave it out") if value.empty?
            return all_sound([binding(value, place)]) unless value.each_value.any?(Hash)

            all_sound(value.map { |authority, keys| of_authority(authority, keys, place) })
          end

          private

          def of_authority(authority, keys, place)
            name = Types.utf8(authority.to_s) if authority.is_a?(String) || authority.is_a?(Symbol)
            return place.error("#{Format.show(authority)} is no name of an authority: write #{hint}") unless name
            return wrong(keys, place.within(name)) unless keys.is_a?(Hash)

            read = binding(keys, place.within(name))
            read.equal?(INVALID) ? INVALID : { "authority" => name, **read }
          end

          # One key. What is missing is said without what is there.
          def binding(keys, place)
            keys = keys.transform_keys { |key| key.is_a?(String) ? key.to_sym : key }
            read, sound = BINDING.read(keys, place)
            return INVALID unless sound

            missing = %w[id key] - read.keys
            return read if missing.empty?

            place.error("#{Format.list(missing)} #{missing.one? ? "is" : "are"} missing: write #{hint}")
          end

          TYPE = new("Hash", '{ id: "…", key: "…" } as the authority shows them')
        end
      end
    end
  end
end
