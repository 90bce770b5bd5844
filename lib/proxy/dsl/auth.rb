# frozen_string_literal: true

module Proxy
  class DSL
    # Filters that ask who sent a request. One that they refuse costs no backend connection, and its body is not read. What a filter
    # found out is `{auth_user}` in string rewrites.
    module Auth
      # Asks for a user and a password. `Authorization` is passed on as it came.
      #
      # @option options [String] :realm what a browser shows beside the fields for user and password
      # @option options [Hash] :credentials users and the hashes of their passwords: bcrypt, SHA-crypt or argon2
      # @option options [String] :file a file of `htpasswd -B` in their place
      # @option options [String, Symbol, Hash] :error_response what a refused request is answered
      # @example
      #   auth_basic realm: "Staff", file: "htpasswd"
      def auth_basic(*values, **options, &block)
        add_filter(:auth_basic, values, options, needed: %i[credentials file], &block)
      end

      # Asks for a key.
      #
      # @option options [Array<String>, Hash] :keys the keys, or names and keys; `sha256:` and the digest of a key stand for it
      # @option options [String] :header the field that a key stands in; default `X-Api-Key`
      # @option options [String] :query the parameter of the query that it stands in, in place of a field
      # @option options [Boolean] :strip whether it is taken out of the request before a backend sees it
      # @option options [String, Symbol, Hash] :error_response what a refused request is answered
      # @example
      #   auth_api_key keys: { "billing" => ENV.fetch("BILLING_KEY", "sha256:#{"0" * 64}") }
      def auth_api_key(*values, **options, &block)
        add_filter(:auth_api_key, values, options, needed: %i[keys], &block)
      end

      # Asks for a signed token (JWT). The token is passed on as it came.
      #
      # @param options [Hash] the options that docs/reference.md lists, by Symbol
      # @option options [String] :secret the secret that is shared with the issuer
      # @option options [String] :public_key the issuer's public key in PEM; `public_key_file` and `jwks_file` name files
      # @option options [String, Array<String>] :audience whom a token may be for
      # @option options [String, Array<String>] :issuer who may have issued it
      # @option options [Hash] :claims_to_headers fields of the request, each with the claim that it is set to
      # @example
      #   auth_jwt public_key_file: "issuer.pem", issuer: "https://id.example.com", audience: "api",
      #            claims_to_headers: { "X-User" => "sub" }
      def auth_jwt(*values, **options, &block)
        add_filter(:auth_jwt, values, options, needed: %i[secret public_key public_key_file jwks_file], &block)
      end

      # Asks another server whether the request may pass: a GET with the client's fields, and `X-Forwarded-Method`, `-Uri`, `-Proto`,
      # `-Host` and `-For` to tell it what is asked for. A 2xx lets the request pass; any other answer is passed on to the client.
      #
      # @option options [String] :to the URL that is asked, a string rewrite
      # @option options [Array<String>] :copy_headers fields of its answer that become fields of the request
      # @option options [Numeric] :timeout seconds for the whole answer; default 5
      # @option options [String, Symbol, Hash] :error_response what a request is answered when nobody could be asked
      # @example
      #   forward_auth to: "http://127.0.0.1:9091/verify", copy_headers: ["X-User", "X-Groups"]
      def forward_auth(*values, **options, &block)
        add_filter(:forward_auth, values, options, needed: %i[to], &block)
      end
    end
  end
end
