# frozen_string_literal: true

module Proxy
  class DSL
    module Options
      refused = "The response to a refused request: a built-in name or a Hash, see `error_response`."

      # Filters that ask who sent a request.
      AUTH_FILTERS = [
        Directive.new(
          :auth_basic, :filters,
          prose: "Asks for a user and a password (HTTP Basic). `Authorization` is passed on as it came.",
          options: [
            option(:realm, Types::REALM, default: "`Restricted`", prose: "What a browser shows next to the boxes for user and password."),
            option(:credentials, Types::CREDENTIALS, default: "none", unset: true,
                   prose: "Users and the hashes of their passwords: bcrypt (`htpasswd -nB USER`), SHA-crypt (`openssl passwd -6`) or " \
                          "argon2. Faster hashes and plain passwords are refused. Use one kind and cost for all: a wrong password takes the time of each " \
                          "kind that is there, so that the time does not reveal who exists."),
            option(:file, Types::HTPASSWD, default: "none", unset: true,
                   prose: "A file with `USER:HASH` in each line, as `htpasswd -B` writes it, in place of `credentials`."),
            option(:error_response, Types::ERROR_RESPONSE, default: "the built-in `unauthorized`", unset: true, prose: refused)
          ]
        ),
        Directive.new(
          :auth_api_key, :filters,
          prose: "Asks for a key, in a header or in the query.",
          options: [
            option(:keys, Types::API_KEYS, default: Option::REQUIRED,
                   prose: "The keys: an Array, or a Hash of names and keys. `sha256:` and the hexadecimal digest of a key stand for it, so " \
                          "that the file holds no secret."),
            option(:header, Types::FIELD_NAME, default: "X-Api-Key, without `query`", unset: true, prose: "The header that the key is in."),
            option(:query, Types::PARAMETER, default: "none", unset: true,
                   prose: "The query parameter that the key is in, in place of a header. Access logs show it."),
            option(:strip, Types::SWITCH, default: "`false`", prose: "Take the key out of the request before a backend sees it."),
            option(:error_response, Types::ERROR_RESPONSE, default: "the built-in `unauthorized`", unset: true, prose: refused)
          ]
        ),
        Directive.new(
          :auth_jwt, :filters,
          prose: "Asks for a signed token (JWT). One of `secret`, `public_key`, `public_key_file` and `jwks_file` is needed. The token is " \
                 "passed on as it came.",
          options: [
            option(:secret, Types::SHARED_SECRET, default: "none", unset: true,
                   prose: "The secret that is shared with the issuer, for HS256, HS384 and HS512."),
            option(:public_key, Types::PUBLIC_KEY, default: "none", unset: true,
                   prose: "The issuer's public key in PEM: RSA, P-256, P-384 or Ed25519."),
            option(:public_key_file, Types::PEM_FILE, default: "none", unset: true, prose: "PEM file of the issuer's public key, in place of `public_key`."),
            option(:jwks_file, Types::INPUT_FILE, default: "none", unset: true,
                   prose: "A file with the issuer's set of keys (JWKS); a token is verified with the key that it names."),
            option(:algorithms, Types::ALGORITHMS, default: "all that go with the key",
                   prose: "What a token may be signed with. A key is never used with an algorithm of another kind, and `none` never."),
            option(:issuer, Types::ISSUER, default: "any", prose: "Who may have issued a token (`iss`)."),
            option(:audience, Types::AUDIENCE, default: "none",
                   prose: "Whom a token may be for (`aud`): one match is enough. Without it a token that names an audience is refused."),
            option(:leeway, Types::SECONDS, default: "`10`",
                   prose: "How many seconds the clocks of issuer and proxy may differ by, for `exp`, `nbf` and `iat`."),
            option(:header, Types::FIELD_NAME, default: "Authorization, without `cookie`", unset: true,
                   prose: "The header that the token is in, after `Bearer`, which may be left out in a header other than `Authorization`."),
            option(:cookie, Types::TOKEN_COOKIE, default: "none", unset: true, prose: "The cookie that the token is in, in place of a header."),
            option(:required_claims, Types::CLAIM_NAMES, default: "`exp`", prose: "Claims that a token must have; `[]` takes those that never expire."),
            option(:claims_to_headers, Types::CLAIMS, default: "`{}`",
                   prose: "Headers of the request, each with the claim that it is set to. What the client sent under that name is removed. An " \
                          "Array is joined by commas; a claim that is not valid in a header is left out."),
            option(:realm, Types::REALM, default: "`Restricted`", prose: "The realm in `WWW-Authenticate`."),
            option(:error_response, Types::ERROR_RESPONSE, default: "the built-in `unauthorized`", unset: true, prose: refused)
          ]
        ),
        Directive.new(
          :forward_auth, :filters,
          prose: "Asks another server whether the request may pass: a GET with the client's headers and `X-Forwarded-Method`, `-Uri`, " \
                 "`-Proto`, `-Host` and `-For`, without the body. A 2xx lets it pass; any other answer goes to the client.",
          options: [
            option(:to, Types::AUTH_SERVER, default: Option::REQUIRED, unset: true,
                   prose: "The URL that is asked, a string rewrite whose host is written out. One without a path asks for `/`."),
            option(:copy_headers, Types::FIELD_NAMES, default: "`[]`",
                   prose: "Headers of its answer that become headers of the request, in place of what the client sent under those names."),
            option(:timeout, Types::SECONDS, default: "`5`", prose: "Time for the whole answer; 504 after that."),
            option(:error_response, Types::ERROR_RESPONSE, default: "the built-in `bad_gateway`", unset: true,
                   prose: "The response when the other server could not be asked.")
          ]
        )
      ].freeze
    end
  end
end
