# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Messages for values that must not be shown.
      module Hidden
        private

        def wrong(value, place)
          return super if [nil, true, false].include?(value)

          place.error("#{Format.kind(value)} is not a valid value: write #{hint}")
        end

        def utf8(value, place)
          Types.utf8(value) || place.error("this is not valid UTF-8: write #{hint}")
        end
      end

      # A secret, or a value that could be one.
      class Secret < Text
        include Hidden
      end

      # Names, each with a secret: `{ "ann" => "$2y$…" }`.
      class Secrets < Text
        include Hidden

        def signature = "Hash[String | Symbol, String]"

        def read(value, place) = pairs(value, place)

        private

        def pair(name, secret, place)
          unless name.is_a?(String) || name.is_a?(Symbol)
            return place.error("the name #{Format.show(name)} is #{Format.kind(name)}: write #{hint}")
          end
          unless secret.is_a?(String)
            return place.error("what #{name.to_s.inspect} has is #{Format.kind(secret)}: write #{hint}")
          end

          all_sound([utf8(name.to_s, place), utf8(secret, place)])
        end
      end

      REALM = Text.new("String", 'a name, such as "Staff"')
    end
  end
end
