# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Limits the number of requests in a period of time.
      class RateLimit < Word::Filter
        prose "Lets a number of requests pass in any span of so many seconds, and refuses the rest."
        details <<~TEXT
          Every response tells the client how many are left. A request without the header or parameter that `key`
          names is counted under its address; one with several is refused.
        TEXT
        example <<~RUBY
          rate_limit requests: 100, seconds: 60
          rate_limit requests: 10, seconds: 1, key: { header: "X-Api-Key" }
        RUBY

        # A name, or a Hash with a single option.
        class NameOrPair < Types::Text
          # Names of the client's address in other systems.
          ADDRESSES = %w[ip addr remote_addr remote_ip client_ip binary_remote_addr src].freeze
          private_constant :ADDRESSES

          def initialize(names, keys, hint)
            @names = names.freeze
            @keys = keys.freeze
            super("name, Hash", hint)
          end

          def signature = "String | Symbol | Hash[Symbol, String]"

          def read(value, place)
            case value
            when Hash then from_hash(value, place)
            when String, Symbol
              return value.to_s if @names.include?(value.to_s)

              place.error("#{value.inspect} #{unknown(value)}")
            else wrong(value, place)
            end
          end

          private

          def unknown(value)
            return "is unknown: write :address" if @names.include?("address") && ADDRESSES.include?(value.to_s)
            return "needs a value: write { #{value}: \"…\" }" if @keys.include?(value.to_sym)

            "is unknown#{Spelling.hint(value, @names)}: write #{hint}"
          end

          def from_hash(value, place)
            key, text = value.first
            known = value.one? && @keys.include?(key)
            return place.error("#{Format.show(value)} is unknown: write #{hint}") unless known

            inner = place.within(key)
            unless text.is_a?(String)
              return inner.error("#{Format.show(text)} is #{Format.kind(text)}: write #{hint}")
            end

            tagged(key.to_s, utf8(text, inner))
          end
        end

        REQUESTS = Types::Count.new("Integer", "a whole number of requests, such as 100")
        KEYS = '"address", { header: "X-Api-Key" }, { query: "user_id" } or { rewrite: "{addr}{host}" }'
        KEY = NameOrPair.new(%w[address], %i[header query rewrite], KEYS)
        STORE = NameOrPair.new(%w[memory], %i[redis], '"memory"')

        option :requests, REQUESTS, "How many requests may pass.", required: true
        option :seconds, Types::SECONDS, "The length of the span in which they are counted.", required: true
        option :key, KEY, <<~TEXT
          Which requests are counted together: those from one `address`, or with one value of `{ header: "…" }`, `{
          query: "…" }` or `{ rewrite: "…" }`.
        TEXT
        option :store, STORE, "Where the counts are kept: `memory`."
        option :max_keys, Types::COUNT,
               "How many keys are counted at once; beyond that, the longest idle ones are forgotten."
        refusal :too_many_requests
      end
    end
  end
end
