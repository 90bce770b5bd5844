# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Requires a signed token (JWT).
      class AuthJwt < Word::AuthFilter
        prose <<~TEXT
          Asks for a signed token (JWT). One of `secret`, `public_key`, `public_key_file` and `jwks_file` is needed.
          The token is passed on as it came.
        TEXT
        example <<~RUBY
          auth_jwt public_key_file: "issuer.pem", issuer: "https://id.example.com", audience: "api",
                   claims_to_headers: { "X-User" => "sub" }
        RUBY

        # Header fields, each with the name of the claim that fills it.
        class Claims < Types::Fields
          def signature = "Hash[String | Symbol, String | Symbol]"

          def read(value, place) = pairs(value, place)

          private

          def pair(name, claim, place)
            field = field_name(name, place)
            return INVALID if field.equal?(INVALID)

            claim = claim.to_s if claim.is_a?(Symbol)
            unless claim.is_a?(String)
              kind = Format.kind(claim)
              return place.error("the claim #{Format.show(claim)} of #{field.inspect} is #{kind}: write #{hint}")
            end

            all_sound([field, utf8(claim, place)])
          end
        end

        SECRET = Types::Secret.new("String", 'a String, such as ENV["JWT_SECRET"]')
        PUBLIC_KEY = Types::Secret.new("String", 'a PEM as a String, or public_key_file: "issuer.pem"')
        ALGORITHMS = Types::Texts.new("Array", 'an Array of algorithms, such as ["RS256"]')
        ISSUER = Types::Texts.new("String, Array", 'a String, such as "https://id.example.com", or an Array of them')
        AUDIENCE = Types::Texts.new("String, Array", 'a String, such as "api", or an Array of them')
        COOKIE = Types::Text.new("String", 'the name of a cookie, such as "session"')
        CLAIM_NAMES = Types::Texts.new("Array", 'an Array of claims, such as ["exp", "sub"]')
        CLAIMS = Claims.new("Hash", 'a Hash of headers and claims, such as { "X-User" => "sub" }')

        option :secret, SECRET, "The secret that is shared with the issuer, for HS256, HS384 and HS512.",
               default: "none", unset: true
        option :public_key, PUBLIC_KEY, "The issuer's public key in PEM: RSA, P-256, P-384 or Ed25519.",
               default: "none", unset: true
        option :public_key_file, Types::PEM_FILE, "PEM file of the issuer's public key, in place of `public_key`.",
               default: "none", unset: true
        option :jwks_file, Types::INPUT_FILE, <<~TEXT, default: "none", unset: true
          A file with the issuer's set of keys (JWKS); a token is verified with the key that it names.
        TEXT
        option :algorithms, ALGORITHMS, <<~TEXT, default: "all that go with the key"
          What a token may be signed with. A key is never used with an algorithm of another kind, and `none` never.
        TEXT
        option :issuer, ISSUER, "Who may have issued a token (`iss`).", default: "any"
        option :audience, AUDIENCE, <<~TEXT, default: "none"
          Whom a token may be for (`aud`): one match is enough. Without it a token that names an audience is refused.
        TEXT
        option :leeway, Types::SECONDS,
               "How many seconds the clocks of issuer and proxy may differ by, for `exp`, `nbf` and `iat`."
        option :header, Types::FIELD_NAME, <<~TEXT, default: "Authorization, without `cookie`", unset: true
          The header that the token is in, after `Bearer`, which may be left out in a header other than
          `Authorization`.
        TEXT
        option :cookie, COOKIE, "The cookie that the token is in, in place of a header.", default: "none", unset: true
        option :required_claims, CLAIM_NAMES, "Claims that a token must have; `[]` takes those that never expire."
        option :claims_to_headers, CLAIMS, <<~TEXT
          Headers of the request, each with the claim that it is set to. What the client sent under that name is
          removed. An Array is joined by commas; a claim that is not valid in a header is left out.
        TEXT
        option :realm, Types::REALM, "The realm in `WWW-Authenticate`."
        refusal
        needs :secret, :public_key, :public_key_file, :jwks_file
      end
    end
  end
end
