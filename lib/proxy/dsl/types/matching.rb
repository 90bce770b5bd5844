# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Several values of one kind: one, or an Array of them.
      class List < Text
        def read(value, place)
          list = value.is_a?(Array) ? value : [value]
          return wrong(value, place) if value.nil? || [true, false].include?(value) || value.is_a?(Hash)
          return place.error("the list is empty: write #{hint}, or leave it out") if list.empty?

          read = list.map { |one| element(one, place) }
          read.include?(INVALID) ? INVALID : read
        end

        private

        def element(value, place)
          value.is_a?(String) ? utf8(value, place) : wrong(value, place)
        end
      end

      # Words, as Symbols or Strings.
      class Words < List
        private

        def element(value, place)
          return value.to_s if value.is_a?(Symbol)

          words = value.is_a?(String) ? value.split(/[\s,]+/) : []
          words.length > 1 && words.all?(/\A[A-Za-z]{3,}\z/) ? place.error("#{value.inspect} holds several: write #{words.inspect}") : super
        end
      end

      # Whole numbers.
      class Numbers < List
        private

        def element(value, place)
          numbers = value.is_a?(String) ? value.split(/[\s,]+/) : []
          return place.error("#{value.inspect} is a String: write [#{numbers.join(", ")}]") if numbers.any? && numbers.all?(/\A\d+\z/)

          value.is_a?(Integer) && value.abs <= Count::LARGEST ? value : wrong(value, place)
        end
      end

      # A Regexp as the engine takes it: its source and its flags.
      module Expressions
        private

        def expression(regexp, place)
          source = utf8(regexp.source, place)
          return INVALID if source.equal?(INVALID)

          flag = ->(bit) { regexp.options.anybits?(bit) }
          { "regexp" => { "source" => source, "ignore_case" => flag[Regexp::IGNORECASE], "multiline" => flag[Regexp::MULTILINE],
                          "extended" => flag[Regexp::EXTENDED] } }
        end

        def text(value, place)
          text = utf8(value, place)
          text.equal?(INVALID) ? INVALID : { "text" => text }
        end
      end

      # Texts and Regexps.
      class Matches < List
        include Expressions

        private

        def element(value, place)
          case value
          when Regexp then expression(value, place)
          when String then text(value, place)
          else wrong(value, place)
          end
        end
      end

      # What fields, parameters or cookies must be, by name: a String, a Regexp, `true` for there, `nil` for not there, or an Array of
      # those.
      class Conditions < Fields
        include Expressions

        def read(value, place)
          name, text = value.match(/\A([\w-]+)(?:\s*[=:]\s*(.*))?\z/)&.captures if value.is_a?(String)
          return place.error("this is a String: write { #{name.inspect} => #{text ? shown_text(name, text) : "true"} }") if name
          return wrong(value, place) unless value.is_a?(Hash)
          return place.error("the Hash is empty: write #{hint}, or leave it out") if value.empty?

          read = value.map { |name, wanted| condition(name, wanted, place) }
          read.include?(INVALID) ? INVALID : read
        end

        private

        def shown_text(name, text)
          secret?(name) ? '"…"' : Spelling.show(text)
        end

        def condition(name, wanted, place)
          unless name.is_a?(String) || name.is_a?(Symbol)
            return place.error("the name #{Spelling.show(name)} is #{Spelling.kind(name)}: write #{hint}")
          end

          name = utf8(name.to_s, place)
          return INVALID if name.equal?(INVALID)

          list = wanted.is_a?(Array) ? wanted : [wanted]
          return place.error("#{name.inspect} has no values: write nil for what must not be there") if list.empty?

          values = list.map { |one| wanted_value(name, one, place) }
          values.include?(INVALID) ? INVALID : { "name" => name, "values" => values }
        end

        def wanted_value(name, value, place)
          case value
          when String then text(value, place)
          when Regexp then expression(value, place)
          when true then { "present" => true }
          when nil then { "present" => false }
          else
            place.error("the value #{shown(name, value)} of #{name.inspect} is #{Spelling.kind(value)}: " \
                        "write a String, a Regexp, true for there, nil for not there, or an Array of those")
          end
        end
      end

      METHODS = Words.new("Array", 'methods, such as ["GET", "POST"]')
      SCHEMES = Words.new("Array", 'schemes, such as ["https"]')
      PORTS = Numbers.new("Array", "ports, such as [8080]")
      REMOTE = List.new("Array", 'addresses and networks, such as ["10.0.0.0/8", "192.0.2.7"]')
      EXTENSIONS = Words.new("Array", 'extensions, such as ["png", "jpg"]')
      CONTENT_TYPES = List.new("Array", 'media types, such as ["application/json", "image/*"]')
      ACCEPTS = List.new("Array", 'media types, such as ["text/html"]')
      HEADER_CONDITIONS = Conditions.new("Hash", 'a Hash, such as { "X-Beta" => "1", "X-Debug" => nil }')
      QUERY_CONDITIONS = Conditions.new("Hash", 'a Hash, such as { "v" => "2", "preview" => true }')
      COOKIE_CONDITIONS = Conditions.new("Hash", 'a Hash, such as { "beta" => "1", "session" => true }')
    end
  end
end
