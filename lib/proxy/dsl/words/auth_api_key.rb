# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Requires an API key.
      class AuthApiKey < Word::AuthFilter
        prose "Asks for a key, in a header or in the query."
        example <<~'RUBY'
          auth_api_key keys: { "billing" => ENV.fetch("BILLING_KEY", "sha256:#{"0" * 64}") }
        RUBY

        # Keys, with names or without: `["…"]` or `{ "billing" => "…" }`.
        class Keys < Types::Secrets
          def signature = "String | Array[String] | Hash[String | Symbol, String]"

          def read(value, place)
            return super unless value.is_a?(Array) || value.is_a?(String)

            keys = Array(value).map { |key| key.is_a?(String) ? utf8(key, place) : not_a_key(key, place) }
            keys.include?(INVALID) ? INVALID : keys.map { |key| [nil, key] }
          end

          private

          def not_a_key(key, place)
            place.error("a key is #{Format.kind(key)}: write #{hint}")
          end
        end

        KEYS = Keys.new("Array, Hash", 'an Array of keys, or a Hash such as { "billing" => "…" }')
        PARAMETER = Types::Text.new("String", 'the name of a parameter, such as "api_key"')

        option :keys, KEYS, <<~TEXT, required: true
          The keys: an Array, or a Hash of names and keys. `sha256:` and the hexadecimal digest of a key stand for it,
          so that the file holds no secret.
        TEXT
        option :header, Types::FIELD_NAME, "The header that the key is in.",
               default: "X-Api-Key, without `query`", unset: true
        option :query, PARAMETER, <<~TEXT, default: "none", unset: true
          The query parameter that the key is in, in place of a header. No log shows its value.
        TEXT
        option :strip, Types::SWITCH, "Take the key out of the request before a backend sees it."
        refusal
        needs :keys
      end
    end
  end
end
