# frozen_string_literal: true

require "json"
require_relative "format"
require_relative "place"
require_relative "schema"
require_relative "spelling"

module Proxy
  class DSL
    # Types of values. A type has a `label` for tables, a `hint` that says what to write, a `signature` in RBS, and
    # `read(value, place)`, which returns the value in the engine's form, or reports a mistake at `place` and returns
    # {INVALID}.
    # @api private
    module Types
      # Base of all types.
      class Type
        # @return [String] one or two words for the table of options
        attr_reader :label
        # @return [String] what to write instead of a wrong value; the end of a message
        attr_reader :hint

        def initialize(label, hint)
          @label = label
          @hint = hint
          freeze
        end

        # The accepted Ruby types, in RBS.
        def signature = "untyped"

        # The schema of the Hash; nil for a type that is no Hash.
        def schema = nil

        private

        # The values if all of them are valid; else INVALID.
        def all_sound(values)
          values.include?(INVALID) ? INVALID : values
        end

        # What `pair` makes of each key and value of a Hash, if all of them are valid; else INVALID.
        def pairs(value, place)
          return wrong(value, place) unless value.is_a?(Hash)

          all_sound(value.map { |key, one| pair(key, one, place) })
        end

        # A Hash of the engine's tag and the value if it is valid; else INVALID.
        def tagged(tag, value)
          value.equal?(INVALID) ? INVALID : { tag => value }
        end

        def wrong(value, place)
          shown = Format.show(value)
          return place.error("nil is not allowed: write #{hint}, or leave it out") if value.nil?
          return place.error("#{shown} is not allowed: write #{hint}") if [true, false].include?(value)

          place.error("#{shown} is #{Format.kind(value)}: write #{hint}")
        end
      end

      # A Hash of options.
      class Part < Type
        attr_reader :schema

        def initialize(label, hint, schema)
          @schema = schema
          super(label, hint)
        end

        def signature = "Hash[Symbol, untyped]"

        def read(value, place)
          return wrong(value, place) unless value.is_a?(Hash)

          options, sound = schema.read(value, place)
          sound ? options : INVALID
        end
      end

      # Text that the engine parses: addresses, URLs, string rewrites.
      class Text < Type
        def signature = "String"

        def read(value, place)
          return wrong(value, place) unless value.is_a?(String)

          utf8(value, place)
        end

        private

        def utf8(value, place)
          Types.utf8(value) || place.error("#{Format.show(value)} is not valid UTF-8: write #{hint}")
        end
      end

      # Text that may be meant to have a Ruby interpolation, which needs double quotes.
      class Template < Text
        def read(value, place)
          text = Types.utf8(value) if value.is_a?(String)
          return super unless text&.match?(/\#\{[^}]+\}/)

          place.error("#{Format.show(value)} is in single quotes, in which \#{…} is not filled in: " \
                      "write it in double quotes")
        end
      end

      # `true` or `false`.
      class Switch < Type
        MEANT = { "true" => true, "yes" => true, "on" => true, "1" => true,
                  "false" => false, "no" => false, "off" => false, "0" => false }.freeze
        private_constant :MEANT

        def signature = "bool"

        def read(value, place)
          return value if value == true || value == false

          meant = MEANT[value.to_s.downcase] if [String, Symbol, Integer].include?(value.class)
          meant.nil? ? wrong(value, place) : place.error("#{value.inspect} is #{Format.kind(value)}: write #{meant}")
        end
      end

      # `true`, `false`, or one name for a third way.
      class SwitchOrName < Type
        def initialize(name, label, hint)
          @name = name
          super(label, hint)
        end

        def signature = "bool | String | Symbol"

        def read(value, place)
          return value if value == true || value == false
          return wrong(value, place) unless value.is_a?(String) || value.is_a?(Symbol)
          return value.to_s if value.to_s == @name

          place.error("#{value.inspect} is unknown#{Spelling.hint(value, [@name.to_sym])}: write #{hint}")
        end
      end

      # A whole number, 0 or more.
      class Count < Type
        LARGEST = 2**63 - 1

        # `units`: suffixes of other systems, with their factors, to suggest the number for a text such as `"10m"`.
        def initialize(label, hint, units: { "" => 1 })
          @units = units
          super(label, hint)
        end

        def signature = "Integer"

        def read(value, place)
          remedy = Quantities.remedy(value, @units) if value.is_a?(String)
          return place.error("#{Format.show(value)} is a String: #{remedy}") if remedy
          return wrong(value, place) unless value.is_a?(Integer)
          return place.error("#{value} is negative: write #{hint}") if value.negative?
          return place.error("#{Format.show(value)} is too large: write #{hint}") if value > LARGEST

          value
        end
      end

      # A number, 0 or more, fractions allowed.
      class Number < Type
        # `what` is the name of the number in messages.
        def initialize(label, hint, what:)
          @what = what
          super(label, hint)
        end

        def signature = "Numeric"

        def read(value, place)
          return wrong(value, place) unless value.is_a?(Numeric) && value.real?

          number = value.to_f
          return place.error("#{Format.show(value)} is not a valid #{@what}: write #{hint}") unless number.finite?
          return place.error("#{value} is negative: write #{hint}") if number.negative?

          number
        end
      end

      # Seconds, fractions allowed.
      class Seconds < Number
        def initialize(label, hint)
          super(label, hint, what: "number of seconds")
        end

        def read(value, place)
          if value.nil?
            return place.error("nil is not allowed, nothing may wait forever: write #{hint}, or leave it out")
          end

          remedy = Quantities.remedy(value, Quantities::TIMES) if value.is_a?(String)
          return place.error("#{Format.show(value)} is a String: #{remedy}") if remedy

          seconds = super
          milliseconds(seconds, place) unless seconds.equal?(INVALID)
          seconds
        end

        private

        # Options with short times, which other systems give in milliseconds. A large value is probably that.
        SHORT = %i[timeout connect_timeout read_timeout write_timeout queue_timeout interval fail_timeout
                   handshake_timeout client_header_timeout client_body_timeout shutdown_timeout].freeze
        private_constant :SHORT

        def milliseconds(seconds, place)
          return unless seconds >= 10_000 && SHORT.include?(place.name)

          place.warning("#{Syntax.number_of(seconds.to_i)} seconds are #{(seconds / 3600).round(1)} hours: " \
                        "write #{(seconds / 1000).round} if milliseconds were meant")
        end
      end

      # A number of seconds, or `false` for no limit (nil for the engine).
      class SecondsOrFalse < Seconds
        def signature = "Numeric | false"

        def read(value, place) = value == false ? nil : super
      end

      # One of several names, as a Symbol or a String.
      class Name < Type
        attr_reader :names

        # `others`: names of other systems, each with the name here.
        def initialize(label, names, others: {})
          @names = names.map(&:to_s).freeze
          @others = others
          super(label, "#{@names[0..-2].map(&:inspect).join(", ")} or #{@names.last.inspect}")
        end

        def signature = "String | Symbol"

        def read(value, place)
          meant = @others[value.to_s.downcase]
          if meant
            kind = value.is_a?(Numeric) ? Format.kind(value) : "unknown"
            return place.error("#{value.inspect} is #{kind}: write #{meant.inspect}")
          end
          return wrong(value, place) unless value.is_a?(String) || value.is_a?(Symbol)
          return value.to_s if names.include?(value.to_s)

          place.error("#{value.inspect} is unknown#{Spelling.hint(value, names)}: write #{hint}")
        end
      end

      # Path of a file to read. A relative path starts from the folder of the configuration file.
      class InputFile < Text
        def signature = "String | _Path"

        def read(value, place)
          path = Types.path(value, place)
          return wrong(value, place) if path.nil?
          return path if path.equal?(INVALID)
          # The text may be a private key, which must not be shown.
          return place.error("this is the text of a file, not its path: write #{hint}") if path.match?(/[\r\n]/)

          reason = unreadable(path)
          return path unless reason

          place.error("#{Format.show(value.to_s)} #{reason} (looked at #{path}): write #{hint}")
        end

        private

        def unreadable(path)
          return "does not exist" unless File.exist?(path)
          return "is a folder" if File.directory?(path)

          "cannot be read by this user" unless File.readable?(path)
        end
      end

      # The text in UTF-8; nil if it cannot be converted. In a locale such as C, text from the environment is UTF-8 but
      # not marked as such.
      def self.utf8(value)
        silent = [Encoding::US_ASCII, Encoding::BINARY].include?(value.encoding)
        text = silent ? value.dup.force_encoding(Encoding::UTF_8) : value.encode(Encoding::UTF_8)
        text if text.valid_encoding?
      rescue EncodingError
        nil
      end

      # The absolute path of `value`; nil if it is no path at all.
      def self.path(value, place)
        value = value.to_path if value.respond_to?(:to_path)
        return unless value.is_a?(String)
        return place.error("the path is empty: write the path of a file") if value.empty?
        if value.include?("\0")
          return place.error("#{Format.show(value)} has a NUL byte in it: write the path of a file")
        end

        path = FilePath.expand(value, place.directory)
        return path if path.encoding == Encoding::UTF_8 || path.ascii_only?

        place.error("#{Format.show(value)} is not valid UTF-8: give the file a name that is")
      end
    end
  end
end

require_relative "types/arguments"
require_relative "types/quantities"
require_relative "types/values"
require_relative "types/folders"
require_relative "types/backends"
require_relative "types/headers"
require_relative "types/secrets"
require_relative "types/priority"
require_relative "types/health_check"
require_relative "types/body_file"
require_relative "types/error_response"
require_relative "types/matching"
