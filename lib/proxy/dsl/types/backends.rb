# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Where one backend is.
      class Address < Text
        def read(value, place)
          text = super
          text.equal?(INVALID) ? INVALID : socket(text, place)
        end

        private

        # The path of a unix socket starts from the folder of the configuration file, as all paths do.
        def socket(text, place)
          path = text[/\Aunix:(.+)\z/im, 1]
          return text if path.nil? || path.start_with?("/") && !path.match?(%r{\A//[^/]})
          return "unix:#{FilePath.expand(path, place.directory)}" unless path.start_with?("/") || path.include?("\0")

          place.error("#{Spelling.show(text)} is no address: a socket has no host; write \"unix:///#{path.delete_prefix("//")}\"")
        end
      end

      # Where requests go: an Array of addresses, each a String or a Hash with an address and more.
      class Backends < Type
        def read(value, place)
          # A path is surely that of a socket.
          return place.error("#{value.inspect} is a String: write [\"unix:#{value}\"]") if value.is_a?(String) && value.start_with?("/")
          return wrong(value, place) unless value.is_a?(Array)
          return place.error("the list is empty: write #{hint}, or leave it out so that the host of `to` is used") if value.empty?

          backends = value.map { |entry| backend(entry, place) }
          sound = backends.difference([INVALID])
          sound.empty? ? INVALID : sound
        end

        private

        def backend(entry, place)
          case entry
          when String then from_text(entry, place)
          when Hash then from_hash(entry, place)
          when nil then place.error("an address is nil: write #{hint}")
          else place.error("#{Spelling.show(entry)} is #{Spelling.kind(entry)}: write #{hint}")
          end
        end

        def from_text(text, place)
          address = ADDRESS.read(text, place)
          address.equal?(INVALID) ? INVALID : { "address" => address }
        end

        def from_hash(entry, place)
          addressed = entry.keys.any? { |key| key == :address || Spelling.nearest(key, Options::BACKEND.names) == :address }
          return place.error("#{Spelling.show(entry)} has no address: write #{ADDRESS.hint}") unless addressed

          options, sound = Options::BACKEND.read(entry, place)
          sound ? options : INVALID
        end
      end

      ADDRESS = Address.new("String", '{ address: "127.0.0.1:3001" }')
      BACKENDS = Backends.new("Array", 'addresses, such as ["127.0.0.1:3001", "127.0.0.1:3002"]')
    end
  end
end
