# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sends a part of the requests to other upstreams.
      class Split < Word::Filter
        prose <<~TEXT
          Sends a part of the requests to other upstreams: a canary. The names of upstreams stand with the per cent of
          requests that they get; the rest goes to the `proxy` of the location.
        TEXT
        details <<~TEXT
          With `by`, a client stays where it is, and a larger percentage moves nobody back. A client without that value
          gets a signed cookie, `proxy_split`. Without `by`, chance decides for each request. At run time,
          `server.rollout` changes a percentage. The target and the headers are those of the `proxy`.
        TEXT
        example <<~RUBY
          split by: { cookie: "uid" }, "v2" => 10
        RUBY

        # What decides: a Hash with one key, or a name.
        class Key < Types::Text
          NAMES = %w[address client].freeze
          KEYS = %i[cookie header].freeze
          private_constant :NAMES, :KEYS

          def signature = "String | Symbol | Hash[Symbol, String]"

          def read(value, place)
            case value
            when Hash then from_hash(value, place)
            when String, Symbol
              return value.to_s if NAMES.include?(value.to_s)

              place.error("#{value.inspect} is unknown#{Spelling.hint(value, NAMES)}: write #{hint}")
            else wrong(value, place)
            end
          end

          private

          def from_hash(value, place)
            key, text = value.first
            unless value.one? && KEYS.include?(key)
              return place.error("#{Format.show(value)} is unknown: write #{hint}")
            end

            inner = place.within(key)
            return inner.error("#{Format.show(text)} is #{Format.kind(text)}: write #{hint}") unless text.is_a?(String)

            tagged(key.to_s, utf8(text, inner))
          end
        end

        # Upstreams by name, each with its percentage.
        class Parts < Types::Type
          PERCENT = Types::Number.new("Numeric", "per cent from 0 to 100, such as 10", what: "percentage")
          private_constant :PERCENT

          def signature = "Hash[String, Numeric]"

          def read(values, place)
            return place.error("names no upstream: write #{hint}") if values.empty?

            all_sound(values.map { |value| pairs(value, place) }).then do |all|
              all.equal?(INVALID) ? INVALID : all.flatten(1)
            end
          end

          private

          def pair(name, percent, place)
            name = name.to_s if name.is_a?(Symbol)
            return all_sound([name, PERCENT.read(percent, place.within(name))]) if name.is_a?(String)

            place.error("#{Format.show(name)} is no name of an upstream: write #{hint}")
          end
        end

        PARTS = Parts.new("Hash", 'a name with its per cent, such as "v2" => 10')
        BY = Key.new("Hash, name", '{ cookie: "uid" }, { header: "X-Account" }, "address" or "client"')
        CLIENTS = Types::Texts.new("Array", 'an Array of addresses and values, such as ["10.0.0.0/8", "ann"]')
        SECRET = Types::Secret.new("String", "16 bytes or more, as `openssl rand -hex 32` prints them")

        takes PARTS, as: :parts

        option :by, BY, <<~TEXT, default: "chance", unset: true
          What decides where a request goes: the value of `{ cookie: "…" }` or `{ header: "…" }`, the `address`, or
          `client`, a cookie of the proxy's own.
        TEXT
        option :allow, CLIENTS, <<~TEXT
          Clients that always get the first upstream: addresses, networks, and values of the cookie or the header in
          `by`.
        TEXT
        option :fallback, Types::SWITCH, <<~TEXT
          Whether the `proxy` of the location serves while no backend of the chosen upstream can; `false`: 503.
        TEXT
        option :secret, SECRET, <<~TEXT, default: "random, until the end of the server", unset: true
          The secret that `proxy_split` is signed with. Write one if several proxies serve the same clients.
        TEXT

        private

        # Upstreams stand among the options, as Strings.
        def run(call)
          parts = call.options.select { |key, _| key.is_a?(String) && !option(key.to_sym) }
          unless parts.empty?
            call.arguments = [*call.arguments, parts]
            call.options = call.options.except(*parts.keys)
          end
          super
        end
      end
    end
  end
end
