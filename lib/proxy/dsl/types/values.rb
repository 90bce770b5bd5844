# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Several texts: one, or an Array of them.
      class Texts < Text
        def read(value, place)
          return wrong(value, place) unless value.is_a?(Array) || value.is_a?(String)

          texts = Array(value).map { |text| super(text, place) }
          sound = texts.difference([INVALID])
          sound.empty? && !texts.empty? ? INVALID : sound
        end
      end

      # `true`, `false` or `:rfc7239`.
      class Forwarded < Type
        NAMES = %w[rfc7239].freeze

        def read(value, place)
          return value if value == true || value == false
          return wrong(value, place) unless value.is_a?(String) || value.is_a?(Symbol)
          return value.to_s if NAMES.include?(value.to_s)

          place.error("#{value.inspect} is unknown#{Spelling.hint(value, NAMES.map(&:to_sym))}: write #{hint}")
        end
      end

      # `"combined"`, `"json"`, a string rewrite or `false`.
      class LogFormat < Text
        NAMES = %w[combined json].freeze

        def read(value, place)
          return false if value == false

          name = value.is_a?(Symbol) ? value.to_s : value
          return wrong(value, place) unless name.is_a?(String)
          return name if NAMES.include?(name)
          return utf8(name, place) if value.is_a?(String) && name.include?("{")
          return place.error("#{Spelling.show(value)} is a file, not a format: write access_log \"combined\", to: #{Spelling.show(value)}") if name.match?(%r{/|\.log\z})

          place.error("#{value.inspect} is unknown#{Spelling.hint(value, NAMES)}: write #{hint}")
        end
      end

      # Reasons to send a request again: one, or an Array of them.
      class RetryOn < Type
        NAMES = %w[timeout 502 503 504].freeze

        def read(value, place)
          reasons = Array(value).map { |reason| reason(reason, place) }
          return wrong(value, place) if value.nil?

          reasons.include?(INVALID) ? INVALID : reasons.uniq
        end

        private

        def reason(value, place)
          return place.error("#{Spelling.show(value)} is #{Spelling.kind(value)}: write #{hint}") unless [String, Symbol, Integer].include?(value.class)
          return value.to_s if NAMES.include?(value.to_s)

          place.error("#{value.inspect} is unknown#{Spelling.hint(value, NAMES.first(1).map(&:to_sym))}: write #{hint}")
        end
      end

      # A number of per cent, fractions allowed.
      class Percent < Type
        def read(value, place)
          return wrong(value, place) unless value.is_a?(Numeric) && value.real?

          number = value.to_f
          return place.error("#{Spelling.show(value)} is not a valid percentage: write #{hint}") unless number.finite?
          return place.error("#{value} is negative: write #{hint}") if number.negative?

          number
        end
      end

      # Permissions of a file: an octal number, or a String of octal digits.
      class Mode < Type
        def read(value, place)
          return value.to_i(8) if value.is_a?(String) && value.match?(/\A(?:0o?)?[0-7]{3}\z/)
          return wrong(value, place) unless value.is_a?(Integer)
          return value if value.between?(0, 0o777)

          place.error("#{Spelling.show(value)} is not a valid file mode: write #{hint}")
        end
      end

      # A user or a group: a name, or a number.
      class Account < Text
        def read(value, place)
          return value.to_s if value.is_a?(Integer) && !value.negative?

          super
        end
      end

      # Whether a prefix is taken off, in whose place others write the prefix itself.
      class Stripped < Switch
        def read(value, place)
          return super unless value.is_a?(String) && value.start_with?("/")

          place.error("#{Spelling.show(value)} is a String: write path_prefix: #{Spelling.show(value)}, strip_prefix: true")
        end
      end

      TEXT_BODY = Text.new("String", 'a String, such as "hello\n"')
      PATH_PREFIX = Text.new("String", 'a path, such as "/api"')
      TARGET = Template.new("rewrite", 'a URL, such as "http://backend.example.com{path}{query}"')
      SWITCH = Switch.new("true, false", "true or false")
      STRIPPED = Stripped.new("true, false", "true or false")
      SECONDS = Seconds.new("seconds", "a number of seconds, such as 30 or 0.5")
      SECONDS_OR_FALSE = SecondsOrFalse.new("seconds, false", "a number of seconds, such as 1 or 0.5, or false")
      COUNT = Count.new("Integer", "a whole number, such as 64")
      BYTES = Count.new("bytes", "a whole number of bytes, such as 65_536", units: Quantities::SIZES)
      CODE = Count.new("Integer", "a status code, such as 503")
      FIELD_NAMES = Texts.new("Array", 'an Array of header names, such as ["X-Token"]')
      UNDERSCORED_NAMES = Texts.new("Array", 'an Array of header names, such as ["X_Token"]')
      FORWARDED_FIELDS = Texts.new("Array", 'an Array of header names, such as ["X-Forwarded-For"]')
      SERVERS = Texts.new("String, …", 'DNS servers, such as "127.0.0.1:53"')
      PROXIES = Texts.new("String, …", 'addresses and networks, such as "10.0.0.0/8" or "127.0.0.1"')
      INPUT_FILE = InputFile.new("path", "the path of a file that can be read")
      PEM_FILE = InputFile.new("path", 'the path of a PEM file, such as "tls/ca.pem"')
      OUTPUT_FILE = OutputFile.new("path", 'the path of a file, such as "log/access.log"')
      UPSTREAM_NAME = Text.new("String", 'a name, such as "app_servers"')
      RETRY_ON = RetryOn.new("Array", "an Array of :timeout, 502, 503 and 504")
      PERCENT = Percent.new("per cent", "a number of per cent, such as 20")
      LOG_LEVEL = Name.new("name", %w[error warn info debug], others: { "warning" => "warn", "fatal" => "error", "crit" => "error", "notice" => "info", "verbose" => "debug", "trace" => "debug" })
      PROXY_PROTOCOL = Name.new("name", %w[v1 v2])
      MODE = Mode.new("mode", 'an octal number, 0o660 or "660"')
      ACCOUNT = Account.new("name, Integer", 'a name or a number, such as "www-data" or 33')
      FORMAT = Name.new("name", %w[plaintext json html])
      PROTOCOL = Name.new("name", %w[http1 http2 auto], others: { "h1" => "http1", "h2" => "http2", "h2c" => "http2", "http/1.1" => "http1", "http/2" => "http2", "grpc" => "http2" })
      FORWARDED = Forwarded.new("true, false, :rfc7239", "true, false or :rfc7239")
      LOG_FORMAT = LogFormat.new("name, rewrite, false",
                                 '"combined", "json", a string rewrite such as "{method} {path}", or false')
    end
  end
end
