# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Address of one backend.
      class Address < Template
        def read(value, place)
          return Config::App::STAND_IN if value == :app

          text = super
          text.equal?(INVALID) ? INVALID : socket(text, place)
        end

        private

        # A relative path of a unix socket starts from the folder of the configuration file.
        def socket(text, place)
          path = text[/\Aunix:(.+)\z/im, 1]
          return text if path.nil? || path.start_with?("/") && !path.match?(%r{\A//[^/]})
          return "unix:#{FilePath.expand(path, place.directory)}" unless path.start_with?("/") || path.include?("\0")

          place.error("#{Format.show(text)} is not a valid address: a socket has no host; " \
                      "write \"unix:///#{path.delete_prefix("//")}\"")
        end
      end

      ADDRESS = Address.new("String", '{ address: "127.0.0.1:3001" }')

      # One backend as a Hash: its address and options.
      class Backend < Schema
        prose "A Hash in `backends:`."

        option :address, ADDRESS, "As in a String.", required: true
        option :weight, COUNT, "Its share of the requests compared with the others, 1 to 65535."
        option :backup, SWITCH, "Use it only when no other backend is available."
        option :max_connections, COUNT, "Requests that it gets at once.", default: "that of all", unset: true
        option :max_tunnels, COUNT, "Tunnels that it has at once.", default: "that of all", unset: true
        option :slow_start, SECONDS, "Time in which it goes from a small share to its full share after it came back.",
               default: "that of all", unset: true

        private

        # Advice for `ssl:` and the like, even if an option has a similar spelling: TLS is part of the address here.
        def note(key) = Foreign.note(key)
      end

      BACKEND = Backend.new(:backend)

      # Backends: an Array of addresses, each a String or a Hash with an address and options.
      class Backends < Type
        def signature = "Array[String | Symbol | Hash[Symbol, untyped]] | ^() -> Array[String | Hash[Symbol, untyped]]"

        def schema = BACKEND

        def read(value, place)
          # A path alone is meant as a unix socket.
          if value.is_a?(String) && value.start_with?("/")
            return place.error("#{value.inspect} is a String: write [\"unix:#{value}\"]")
          end
          if [String, Hash].include?(value.class)
            return place.error("#{Format.show(value)} is #{Format.kind(value)}: write #{as_array(value)}")
          end
          return block(value, place) if value.respond_to?(:call)
          return wrong(value, place) unless value.is_a?(Array)
          # The engine knows whether that is right: it depends on `hold`.
          return [] if value.empty?

          backends = value.map { |entry| backend(entry, place) }
          sound = backends.difference([INVALID])
          told_of_twins(sound, place)
          sound.empty? ? INVALID : sound
        end

        private

        # A block that lists the backends while the server runs.
        def block(value, place)
          return value if !value.is_a?(Proc) || value.arity.zero? || !value.lambda?

          place.error("this block wants an argument: write -> { … }")
        end

        # The Array that is meant by one address, by addresses with commas or spaces between them, or by a Hash of
        # weights.
        def as_array(value)
          return hint if value.empty?

          list = value.is_a?(Hash) ? weighted(value) : value.split(/[\s,]+/).map(&:inspect)
          "[#{list.join(", ")}]"
        end

        def weighted(value)
          weights = value.all? { |name, weight| name.is_a?(String) && weight.is_a?(Integer) }
          return ["{ address: \"127.0.0.1:3001\", weight: 1 }"] unless weights

          value.map { |name, weight| "{ address: #{Problem.without_secrets(name).inspect}, weight: #{weight} }" }
        end

        # Warns of an address that is listed twice: it gets two shares of the requests; `weight` says that plainly.
        def told_of_twins(backends, place)
          backends.map { |backend| backend["address"] }.tally.each do |address, times|
            next if times == 1

            place.warning("#{Format.show(address)} is in the list #{times == 2 ? "twice" : "#{times} times"}: " \
                          "leave it there once, and write a weight if it is to get more")
          end
        end

        def backend(entry, place)
          case entry
          when String then with_encoding(entry, place)
          when Hash then from_hash(entry, place)
          when :app then { "address" => ADDRESS.read(entry, place) }
          when nil then place.error("an address is nil: write #{hint}")
          when Integer then place.error("#{entry} is an Integer: write #{"127.0.0.1:#{entry}".inspect}")
          else place.error("#{Format.show(entry)} is #{Format.kind(entry)}: write #{hint}")
          end
        end

        def with_encoding(text, place)
          converted = Types.utf8(text)
          return from_text(converted, place) if converted

          place.error("#{Format.show(text)} is not valid UTF-8: write #{hint}")
        end

        def from_text(text, place)
          bare, weight = text.match(/\A(\S+?);?\s+weight=(\d+);?\z/)&.captures
          shown = Format.show(text)
          if weight
            return place.error("#{shown} is nginx syntax: write { address: #{bare.inspect}, weight: #{weight} }")
          end

          several = text.match?(/\Aunix:|@/i) ? [] : text.split(/\s*,\s*/)
          if several.length > 1
            each = several.map(&:inspect).join(" and ")
            return place.error("#{shown} is several addresses: write each by itself, as #{each}")
          end

          ours = elsewhere(text)
          return place.error("#{shown} is not a valid address: write #{ours.inspect}") if ours
          return tagged("address", ADDRESS.read(text, place)) unless text.end_with?(";")

          place.error("#{shown} has a semicolon: write #{text.delete_suffix(";").inspect}")
        end

        # Addresses with schemes of other systems.
        def elsewhere(text)
          case text
          when /\A:(\d+)\z/ then "127.0.0.1:#{$1}"
          when %r{\A(?:h2c|grpc)://([^\s@]+)\z} then "h2://#{$1}"
          when %r{\A(?:ws|tcp)://([^\s@]+)\z} then "http://#{$1}"
          when %r{\A(?:wss|grpcs|ssl)://([^\s@]+)\z} then "https://#{$1}"
          end
        end

        def from_hash(entry, place)
          addressed = entry.keys.any? { |key| key == :address || Spelling.nearest(key, BACKEND.names) == :address }
          return place.error("#{Format.show(entry)} has no address: write #{ADDRESS.hint}") unless addressed

          options, sound = BACKEND.read(entry, place)
          sound ? options : INVALID
        end
      end

      BACKENDS = Backends.new("Array", 'addresses, such as ["127.0.0.1:3001", "127.0.0.1:3002"]')
    end
  end
end
