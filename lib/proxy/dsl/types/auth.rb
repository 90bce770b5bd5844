# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # What must not be shown in a message.
      module Hidden
        private

        def wrong(value, place)
          return super if [nil, true, false].include?(value)

          place.error("#{Spelling.kind(value)} is not a valid value: write #{hint}")
        end

        def utf8(value, place)
          Types.utf8(value) || place.error("this is not valid UTF-8: write #{hint}")
        end
      end

      # A secret, or what could be one.
      class Secret < Text
        include Hidden
      end

      # Names, each with a secret: `{ "ann" => "$2y$…" }`.
      class Secrets < Text
        include Hidden

        def read(value, place)
          return wrong(value, place) unless value.is_a?(Hash)

          pairs = value.map { |name, secret| pair(name, secret, place) }
          pairs.include?(INVALID) ? INVALID : pairs
        end

        private

        def pair(name, secret, place)
          unless name.is_a?(String) || name.is_a?(Symbol)
            return place.error("the name #{Spelling.show(name)} is #{Spelling.kind(name)}: write #{hint}")
          end
          return place.error("what #{name.to_s.inspect} has is #{Spelling.kind(secret)}: write #{hint}") unless secret.is_a?(String)

          both = [utf8(name.to_s, place), utf8(secret, place)]
          both.include?(INVALID) ? INVALID : both
        end
      end

      # Keys, with names or without: `["…"]` or `{ "billing" => "…" }`.
      class Keys < Secrets
        def read(value, place)
          return super unless value.is_a?(Array) || value.is_a?(String)

          keys = Array(value).map { |key| key.is_a?(String) ? utf8(key, place) : not_a_key(key, place) }
          keys.include?(INVALID) ? INVALID : keys.map { |key| [nil, key] }
        end

        private

        def not_a_key(key, place)
          place.error("a key is #{Spelling.kind(key)}: write #{hint}")
        end
      end

      # Fields, each with the name of a claim.
      class Claims < Fields
        def read(value, place)
          return wrong(value, place) unless value.is_a?(Hash)

          pairs = value.map { |name, claim| pair(name, claim, place) }
          pairs.include?(INVALID) ? INVALID : pairs
        end

        private

        def pair(name, claim, place)
          field = field_name(name, place)
          return INVALID if field.equal?(INVALID)

          claim = claim.to_s if claim.is_a?(Symbol)
          return [field, utf8(claim, place)].then { |pair| pair.include?(INVALID) ? INVALID : pair } if claim.is_a?(String)

          place.error("the claim #{Spelling.show(claim)} of #{field.inspect} is #{Spelling.kind(claim)}: write #{hint}")
        end
      end

      REALM = Text.new("String", 'a name, such as "Staff"')
      CREDENTIALS = Secrets.new("Hash", 'a Hash of users and hashes, such as { "ann" => "$2y$…" }')
      HTPASSWD = InputFile.new("path", 'the path of a file that `htpasswd -B` wrote, such as "htpasswd"')
      API_KEYS = Keys.new("Array, Hash", 'an Array of keys, or a Hash such as { "billing" => "…" }')
      FIELD_NAME = Text.new("String", 'the name of a header, such as "X-Api-Key"')
      PARAMETER = Text.new("String", 'the name of a parameter, such as "api_key"')
      TOKEN_COOKIE = Text.new("String", 'the name of a cookie, such as "session"')
      SHARED_SECRET = Secret.new("String", 'a String, such as ENV["JWT_SECRET"]')
      PUBLIC_KEY = Secret.new("String", 'a PEM as a String, or public_key_file: "issuer.pem"')
      ALGORITHMS = Texts.new("Array", 'an Array of algorithms, such as ["RS256"]')
      ISSUER = Texts.new("String, Array", 'a String, such as "https://id.example.com", or an Array of them')
      AUDIENCE = Texts.new("String, Array", 'a String, such as "api", or an Array of them')
      CLAIM_NAMES = Texts.new("Array", 'an Array of claims, such as ["exp", "sub"]')
      CLAIMS = Claims.new("Hash", 'a Hash of headers and claims, such as { "X-User" => "sub" }')
      AUTH_SERVER = Template.new("rewrite", 'a URL, such as "http://auth.internal/verify"')
    end
  end
end
