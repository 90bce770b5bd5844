# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Load-balancing policy: a name, `{ hash: "{rewrite}" }` or `{ sticky: "cookie" }`.
      class Priority < Name
        PROSE = {
          "round_robin" => "In turn, in proportion to their weights: with 3 and 1, three of any four requests.",
          "ordered" => "The first that is available, in the order in which they are written.",
          "random" => "Any, with a chance in proportion to its weight.",
          "least_conn" => "The one with the fewest requests in flight for its weight; among equals, in turn.",
          "random_two" => "The less busy of two random ones: nearly as good as `least_conn`, and several proxies do " \
                          "not all choose the same.",
          "ip_hash" => "Always the same for a client's address.",
          '{ hash: "{rewrite}" }' =>
            "Always the same for a value of the request, such as `{path}` or `{X-Tenant}`. A backend that has more " \
            "than 1.25 of its share of the requests in flight is passed over. When a backend comes or goes, only the " \
            "values that fall to it move.",
          '{ sticky: "cookie" }' =>
            "In turn, and from then on the backend that the client's cookie names. The cookie shows no address and " \
            "cannot be made by others. Several proxies understand each other's cookies if they have the same " \
            "`secret:`, as in `{ sticky: \"backend\", secret: ENV.fetch(\"STICKY_SECRET\") }`."
        }.freeze
        NAMES = PROSE.keys.grep(/\A\w+\z/).freeze
        FORMS = '{ hash: "{path}" } or { sticky: "cookie_name" }'
        # Policies that are written as a Hash, each with an example.
        WHOLE = { "hash" => '{ hash: "{path}" }', "sticky" => '{ sticky: "backend" }',
                  "cookie" => '{ sticky: "backend" }' }.freeze
        private_constant :FORMS, :WHOLE

        def initialize
          super("name, Hash", NAMES)
        end

        # @return [String]
        def hint
          "#{super}, #{FORMS}"
        end

        def signature = "String | Symbol | Hash[Symbol, String | Symbol | nil]"

        def read(value, place)
          return read_hash(value, place) if value.is_a?(Hash)

          whole = WHOLE[value.to_s] if [String, Symbol].include?(value.class)
          return place.error("#{value.inspect} needs a value: write #{whole}") if whole

          tagged("named", super)
        end

        private

        def read_hash(value, place)
          case value.keys
          when [:hash] then tagged("hash", REWRITE.read(value[:hash], place.within(:hash)))
          when [:sticky], %i[sticky secret], %i[secret sticky] then sticky(value, place)
          else
            # A value of the Hash may be the secret.
            shown = value.length > 1 ? "a Hash of #{value.keys.map(&:inspect).join(", ")}" : Format.show(value)
            place.error("#{shown} is unknown: write #{FORMS}, perhaps with a secret: \"…\"")
          end
        end

        def sticky(value, place)
          cookie = value[:sticky].is_a?(Symbol) ? value[:sticky].to_s : value[:sticky]
          cookie = COOKIE.read(cookie, place.within(:sticky))
          secret = SECRET.read(value[:secret], place.within(:secret)) unless value[:secret].nil?
          return INVALID if cookie.equal?(INVALID) || secret.equal?(INVALID)

          tagged("sticky", { "cookie" => cookie, "secret" => secret }.compact)
        end
      end

      REWRITE = Text.new("rewrite", 'a string rewrite, such as "{path}"')
      COOKIE = Text.new("String", 'the name of a cookie, such as "backend"')
      SECRET = Secret.new("String", 'a String that nobody can guess, such as ENV.fetch("STICKY_SECRET")')
      PRIORITY = Priority.new
    end
  end
end
