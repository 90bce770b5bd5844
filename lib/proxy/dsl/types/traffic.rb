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
        # What others call the address of a client.
        ADDRESSES = %w[ip addr remote_addr remote_ip client_ip binary_remote_addr src].freeze
        private_constant :ADDRESSES

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
            return place.error("#{value.inspect} is unknown: write :address") if @names.include?("address") && ADDRESSES.include?(value.to_s)
            return place.error("#{value.inspect} needs a value: write { #{value}: \"…\" }") if @keys.include?(value.to_sym)

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

      # A kind of redirect, of which others write the status code.
      class RedirectType < Name
        CODES = { "301" => :moved_permanently, "302" => :found, "303" => :found, "307" => :temporary, "308" => :permanent }.freeze
        private_constant :CODES

        def read(value, place)
          kind = CODES[value.to_s]
          kind ? place.error("#{value.inspect} is #{Spelling.kind(value)}: write #{kind.inspect}") : super
        end
      end

      BODY_BYTES = Count.new("bytes", "a whole number of bytes, such as 1_048_576", units: Quantities::SIZES)
      REQUEST_COUNT = Count.new("Integer", "a whole number of requests, such as 100")
      LIMIT_KEY = NameOrPair.new(%w[address], %i[header query rewrite],
                                 '"address", { header: "X-Api-Key" }, { query: "user_id" } or { rewrite: "{addr}{host}" }')
      LIMIT_STORE = NameOrPair.new(%w[memory], %i[redis], '"memory"')
      NETWORKS = Several.new("String, …", 'addresses and networks, such as "192.0.2.7", "10.0.0.0/8" or "fd00::/8"')
      INCLUDED = Several.new("String, …", 'names of files, such as "sites/shop.rb" or "sites/*.rb"')
      PATH_REWRITE = Template.new("rewrite", 'a path, such as "/v2{path}"')
      BODY_SIZE = Single.new(BODY_BYTES)
      ORIGINS = Texts.new("String, Array", 'origins, such as ["https://app.example.com"]')
      CORS_FIELDS = Texts.new("String, Array", 'an Array of header names, such as ["X-Token"]')
      LOG_LINE = Text.new("rewrite", 'text with placeholders, such as "{method} {path}"')
      PORT = Count.new("Integer", "a port, such as 8443")
      LOCATION_TARGET = Template.new("rewrite", 'a URL or a path, such as "https://{host}{path}{query}"')
      REDIRECT_TYPE = RedirectType.new("name", %w[permanent temporary moved_permanently found])
    end
  end
end
