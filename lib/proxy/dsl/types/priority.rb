# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # How a backend is chosen: a name, `{ hash: "{rewrite}" }` or `{ sticky: "cookie" }`.
      class Priority < Name
        NAMES = %w[round_robin ordered random least_conn random_two ip_hash].freeze
        FORMS = '{ hash: "{path}" } or { sticky: "cookie_name" }'
        private_constant :FORMS

        def initialize
          super("name, Hash", NAMES)
        end

        # @return [String]
        def hint
          "#{super}, #{FORMS}"
        end

        def read(value, place)
          return read_hash(value, place) if value.is_a?(Hash)

          name = super
          name.equal?(INVALID) ? INVALID : { "named" => name }
        end

        private

        def read_hash(value, place)
          case value.keys
          when [:hash] then tagged("hash", REWRITE.read(value[:hash], place.within(:hash)))
          when [:sticky], %i[sticky secret], %i[secret sticky] then sticky(value, place)
          else place.error("#{Spelling.show(value)} is unknown: write #{FORMS}, perhaps with a secret: \"…\"")
          end
        end

        def sticky(value, place)
          cookie = value[:sticky].is_a?(Symbol) ? value[:sticky].to_s : value[:sticky]
          cookie = COOKIE.read(cookie, place.within(:sticky))
          secret = SECRET.read(value[:secret], place.within(:secret)) unless value[:secret].nil?
          return INVALID if cookie.equal?(INVALID) || secret.equal?(INVALID)

          tagged("sticky", { "cookie" => cookie, "secret" => secret }.compact)
        end

        def tagged(tag, value)
          value.equal?(INVALID) ? INVALID : { tag => value }
        end
      end

      REWRITE = Text.new("rewrite", 'a string rewrite, such as "{path}"')
      COOKIE = Text.new("String", 'the name of a cookie, such as "backend"')
      SECRET = Text.new("String", 'a String that nobody can guess, such as ENV.fetch("STICKY_SECRET")')
      PRIORITY = Priority.new
    end
  end
end
