# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # A request method, as a Symbol or a String.
      class RequestMethod < Text
        def read(value, place)
          super(value.is_a?(Symbol) ? value.to_s.upcase : value, place)
        end
      end

      # Status codes: a code, a range of them, or an Array of both. The engine takes pairs of first and last.
      class Statuses < Type
        def read(value, place)
          list = value.is_a?(Array) ? value : [value]
          return wrong(value, place) if list.empty?

          pairs = list.map { |entry| pair(entry, place) }
          pairs.include?(INVALID) ? INVALID : pairs
        end

        private

        def pair(entry, place)
          return [entry, entry] if entry.is_a?(Integer)
          return wrong(entry, place) unless entry.is_a?(Range) && entry.begin.is_a?(Integer) && entry.end.is_a?(Integer)
          return place.error("#{entry.inspect} holds no number: write #{hint}") if entry.minmax.include?(nil)

          entry.minmax
        end
      end

      # What a body must hold: text, or a pattern in the engine's syntax.
      class BodyMatch < Text
        FLAGS = { Regexp::IGNORECASE => "i", Regexp::MULTILINE => "s", Regexp::EXTENDED => "x" }.freeze
        private_constant :FLAGS

        def read(value, place)
          return tagged("pattern", pattern(value, place)) if value.is_a?(Regexp)

          tagged("text", super)
        end

        private

        # `^` and `$` are the ends of a line in Ruby, and `.` takes a line break only with its `m`.
        def pattern(regexp, place)
          source = utf8(regexp.source, place)
          return INVALID if source.equal?(INVALID)

          "(?m#{FLAGS.select { |flag, _| regexp.options.anybits?(flag) }.values.join})#{source}"
        end

        def tagged(tag, value)
          value.equal?(INVALID) ? INVALID : { tag => value }
        end
      end

      # A Hash that says how backends are asked whether they are well.
      class HealthCheck < Type
        def read(value, place)
          return place.error("#{Spelling.show(value)} is a String: write { path: #{Spelling.show(value)} }") if value.is_a?(String) && value.start_with?("/")
          return wrong(value, place) unless value.is_a?(Hash)

          options, sound = Options::HEALTH_CHECK.read(value, place)
          sound ? options : INVALID
        end
      end

      CHECK_PATH = Text.new("String", 'a path, such as "/healthz"')
      SERVICE = Text.new("String", 'the name of a gRPC service, such as "shop.v1.Cart", or ""')
      METHOD = RequestMethod.new("String", 'a method, such as "GET"')
      STATUSES = Statuses.new("Integer, Range, Array", "a status code, a range such as 200..399, or an Array of them")
      BODY_MATCH = BodyMatch.new("String, Regexp", 'text such as "OK", or a Regexp such as /status: (ok|fine)/')
      HEALTH_CHECK = HealthCheck.new("Hash", 'a Hash, such as { path: "/healthz", interval: 10 }')
    end
  end
end
