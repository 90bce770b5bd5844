# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Where requests go: an Array of addresses, each a String or `{ address: "…" }`.
      class Backends < Text
        KEYS = [:address].freeze

        def read(value, place)
          return wrong(value, place) unless value.is_a?(Array)
          return place.error("the list is empty: write #{hint}, or leave it out so that the host of `to` is used") if value.empty?

          backends = value.map { |entry| backend(entry, place) }
          sound = backends.difference([INVALID])
          sound.empty? ? INVALID : sound
        end

        private

        def backend(entry, place)
          case entry
          when String then address(entry, place)
          when Hash then from_hash(entry, place)
          when nil then place.error("an address is nil: write #{hint}")
          else place.error("#{Spelling.show(entry)} is #{Spelling.kind(entry)}: write #{hint}")
          end
        end

        def from_hash(entry, place)
          unknown = entry.keys - KEYS
          unless unknown.empty?
            names = unknown.map(&:inspect).join(", ")
            return place.error("#{Spelling.show(entry)} has the unknown key #{names}: the only key is :address")
          end
          return place.error("#{Spelling.show(entry)} has no address: write { address: \"127.0.0.1:3001\" }") if entry.empty?

          text = entry.fetch(:address)
          return address(text, place) if text.is_a?(String)

          place.error("the address #{Spelling.show(text)} is #{Spelling.kind(text)}: write { address: \"127.0.0.1:3001\" }")
        end

        def address(text, place)
          text = utf8(text, place)
          text = socket(text, place) unless text.equal?(INVALID)
          text.equal?(INVALID) ? INVALID : { "address" => text }
        end

        # The path of a unix socket starts from the folder of the configuration file, as all paths do.
        def socket(text, place)
          path = text[/\Aunix:(.+)\z/im, 1]
          return text if path.nil? || path.start_with?("/") && !path.match?(%r{\A//[^/]})
          return "unix:#{File.expand_path(path, place.directory)}" unless path.start_with?("/") || path.include?("\0")

          place.error("#{Spelling.show(text)} is no address: a socket has no host; write \"unix:///#{path.delete_prefix("//")}\"")
        end
      end

      BACKENDS = Backends.new("Array", 'addresses, such as ["127.0.0.1:3001", "127.0.0.1:3002"]')
    end
  end
end
