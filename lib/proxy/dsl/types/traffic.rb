# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # The one value behind a word.
      class Single < Type
        def initialize(type)
          @type = type
          super(type.label, type.hint)
        end

        def read(values, place)
          return @type.read(values.first, place) if values.one?

          place.error("#{values.empty? ? "the value is missing" : "takes one value, not #{values.length}"}: write #{hint}")
        end
      end

      # The values behind a word: one, several, or Arrays of them.
      class Several < Texts
        def read(values, place)
          values = values.flatten
          return place.error("the value is missing: write #{hint}") if values.empty?

          super
        end
      end

      # What stands for a single option of a Hash, or for a name alone.
      class NameOrPair < Text
        def initialize(names, keys, hint)
          @names = names.freeze
          @keys = keys.freeze
          super("name, Hash", hint)
        end

        def read(value, place)
          case value
          when Hash then from_hash(value, place)
          when String, Symbol
            return value.to_s if @names.include?(value.to_s)

            place.error("#{value.inspect} is unknown#{Spelling.hint(value, @names)}: write #{hint}")
          else wrong(value, place)
          end
        end

        private

        def from_hash(value, place)
          key, text = value.first
          return place.error("#{Spelling.show(value)} is unknown: write #{hint}") unless value.one? && @keys.include?(key)
          return place.within(key).error("#{Spelling.show(text)} is #{Spelling.kind(text)}: write #{hint}") unless text.is_a?(String)

          text = utf8(text, place.within(key))
          text.equal?(INVALID) ? INVALID : { key.to_s => text }
        end
      end

      REQUEST_COUNT = Count.new("Integer", "a whole number of requests, such as 100")
      LIMIT_KEY = NameOrPair.new(%w[address], %i[header query rewrite],
                                 '"address", { header: "X-Api-Key" }, { query: "user_id" } or { rewrite: "{addr}{host}" }')
      LIMIT_STORE = NameOrPair.new(%w[memory], %i[redis], '"memory"')
      NETWORKS = Several.new("String, …", 'addresses and networks, such as "192.0.2.7", "10.0.0.0/8" or "fd00::/8"')
      INCLUDED = Several.new("String, …", 'names of files, such as "sites/shop.rb" or "sites/*.rb"')
      PATH_REWRITE = Text.new("rewrite", 'a path, such as "/v2{path}"')
      BODY_SIZE = Single.new(BYTES)
      ORIGINS = Texts.new("String, Array", 'origins, such as ["https://app.example.com"]')
      CORS_FIELDS = Texts.new("String, Array", 'an Array of field names, such as ["X-Token"]')
      LOG_LINE = Text.new("rewrite", 'text with placeholders, such as "{method} {path}"')
      PORT = Count.new("Integer", "a port, such as 8443")
      LOCATION_TARGET = Text.new("rewrite", 'a URL or a path, such as "https://{host}{path}{query}"')
      REDIRECT_TYPE = Name.new("name", %w[permanent temporary moved_permanently found])
    end
  end
end
