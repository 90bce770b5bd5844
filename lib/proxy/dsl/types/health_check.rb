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

          all_sound(list.map { |entry| pair(entry, place) })
        end

        private

        def pair(entry, place)
          return [entry, entry] if entry.is_a?(Integer)
          return wrong(entry, place) unless entry.is_a?(Range) && entry.begin.is_a?(Integer) && entry.end.is_a?(Integer)
          return place.error("#{entry.inspect} holds no number: write #{hint}") if entry.minmax.include?(nil)

          entry.minmax
        end
      end

      # Required content of a body: text, or a pattern in the engine's syntax.
      class BodyMatch < Text
        FLAGS = { Regexp::IGNORECASE => "i", Regexp::MULTILINE => "s", Regexp::EXTENDED => "x" }.freeze
        private_constant :FLAGS

        def read(value, place)
          return tagged("pattern", pattern(value, place)) if value.is_a?(Regexp)

          tagged("text", super)
        end

        private

        # In Ruby `^` and `$` match at line ends, and `.` matches a line break only with the flag `m`.
        def pattern(regexp, place)
          source = utf8(regexp.source, place)
          return INVALID if source.equal?(INVALID)

          "(?m#{FLAGS.select { |flag, _| regexp.options.anybits?(flag) }.values.join})#{source}"
        end
      end

      # A Hash with the options of a health check.
      class HealthCheck < Part
        # Keys of the health check's Hash.
        class Options < Schema
          engine :health_check
          prose "The Hash that `health_check:` takes."

          option :path, Text.new("String", 'a path, such as "/healthz"'), "The path that is requested, query included."
          option :method, RequestMethod.new("String", 'a method, such as "GET"'), "The method of the request."
          option :headers, PAIRS, "Headers of the request."
          option :interval, SECONDS, "Time between two checks of a backend."
          option :timeout, SECONDS, "Time in which the whole response must arrive."
          option :status,
                 Statuses.new("Integer, Range, Array", "a status code, a range such as 200..399, or an Array of them"),
                 "Status codes that mean healthy: a code, a range, or an Array of them."
          option :body, BodyMatch.new("String, Regexp", 'text such as "OK", or a Regexp such as /status: (ok|fine)/'),
                 "What the body must contain: a String, or a Regexp.", default: "anything", unset: true
          option :tcp, SWITCH, "It is enough that a connection can be made; nothing is requested."
          option :grpc, SWITCH,
                 "Call `grpc.health.v1.Health/Check`; `SERVING` means healthy. `headers` are the call's metadata."
          option :service, Text.new("String", 'the name of a gRPC service, such as "shop.v1.Cart", or ""'),
                 'The gRPC service that is asked about; `""` is the whole server.'
          option :port, COUNT, "A port other than the backend's.", default: "the backend's", unset: true
          option :rise, COUNT, "Successes in a row after which a backend returns."
          option :fall, COUNT, "Failures in a row after which a backend leaves."
        end

        OPTIONS = Options.new(:health_check)
        private_constant :OPTIONS

        def initialize
          super("Hash", 'a Hash, such as { path: "/healthz", interval: 10 }', OPTIONS)
        end

        def read(value, place)
          return super unless value.is_a?(String) && value.start_with?("/")

          place.error("#{Format.show(value)} is a String: write { path: #{Format.show(value)} }")
        end
      end

      HEALTH_CHECK = HealthCheck.new
    end
  end
end
