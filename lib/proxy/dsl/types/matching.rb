# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # One value of a kind, or an Array of them.
      class List < Text
        def signature = "String | Array[String]"

        def read(value, place)
          list = value.is_a?(Array) ? value : [value]
          return wrong(value, place) if value.nil? || [true, false].include?(value) || value.is_a?(Hash)
          return place.error("the list is empty: write #{hint}, or leave it out") if list.empty?

          all_sound(list.map { |one| element(one, place) })
        end

        private

        def element(value, place)
          value.is_a?(String) ? utf8(value, place) : wrong(value, place)
        end
      end

      # Names as Symbols or Strings.
      class Words < List
        def signature = "String | Symbol | Array[String | Symbol]"

        private

        def element(value, place)
          return value.to_s if value.is_a?(Symbol)

          words = value.is_a?(String) ? value.split(/[\s,]+/) : []
          return super unless words.length > 1 && words.all?(/\A[A-Za-z]{3,}\z/)

          place.error("#{value.inspect} holds several: write #{words.inspect}")
        end
      end

      # Whole numbers.
      class Numbers < List
        def signature = "Integer | Array[Integer]"

        private

        def element(value, place)
          numbers = value.is_a?(String) ? value.split(/[\s,]+/) : []
          if numbers.any? && numbers.all?(/\A\d+\z/)
            return place.error("#{value.inspect} is a String: write [#{numbers.join(", ")}]")
          end

          value.is_a?(Integer) && value.abs <= Count::LARGEST ? value : wrong(value, place)
        end
      end

      # Converts a Regexp to the engine's form: source and flags.
      module Expressions
        private

        def expression(regexp, place)
          source = utf8(regexp.source, place)
          return INVALID if source.equal?(INVALID)

          flag = ->(bit) { regexp.options.anybits?(bit) }
          { "regexp" => { "source" => source, "ignore_case" => flag[Regexp::IGNORECASE],
                          "multiline" => flag[Regexp::MULTILINE], "extended" => flag[Regexp::EXTENDED] } }
        end

        def text(value, place)
          tagged("text", utf8(value, place))
        end
      end

      # Texts and Regexps.
      class Matches < List
        include Expressions

        def signature = "String | Regexp | Array[String | Regexp]"

        private

        def element(value, place)
          case value
          when Regexp then expression(value, place)
          when String then text(value, place)
          else wrong(value, place)
          end
        end
      end

      # Conditions for header fields, query parameters or cookies, by name: a String, a Regexp, `true` (present), `nil`
      # (absent), or an Array of those.
      class Conditions < Fields
        include Expressions

        def signature
          one = "String | Regexp | true | nil"
          "Hash[String | Symbol, #{one} | Array[#{one}]]"
        end

        def read(value, place)
          meant = as_hash(value) if value.is_a?(String)
          return place.error("this is a String: write #{meant}") if meant
          return wrong(value, place) unless value.is_a?(Hash)
          return place.error("the Hash is empty: write #{hint}, or leave it out") if value.empty?

          all_sound(value.map { |name, wanted| condition(name, wanted, place) })
        end

        private

        # The Hash that is meant by `"X-Beta: 1"`; nil for other texts.
        def as_hash(text)
          name, wanted = text.match(/\A([\w-]+)(?:\s*[=:]\s*(.*))?\z/)&.captures
          return unless name

          shown = secret?(name) ? '"…"' : Format.show(wanted)
          "{ #{name.inspect} => #{wanted ? shown : "true"} }"
        end

        def condition(name, wanted, place)
          unless name.is_a?(String) || name.is_a?(Symbol)
            return place.error("the name #{Format.show(name)} is #{Format.kind(name)}: write #{hint}")
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
            place.error("the value #{shown(name, value)} of #{name.inspect} is #{Format.kind(value)}: " \
                        "write a String, a Regexp, true for there, nil for not there, or an Array of those")
          end
        end
      end

      # Host patterns. nginx's `_` (every host) gets an explanation.
      class Hosts < Matches
        private

        def element(value, place)
          hosts = value.is_a?(String) ? value.split(/[\s,]+/) : []
          if hosts.length > 1
            return place.error("#{value.inspect} holds several hosts: write #{hosts.map(&:inspect).join(", ")}")
          end
          return super unless value == "_"

          place.error('"_" means every host in nginx: leave the block out, and write what is in it at the top level')
        end
      end

      METHODS = Words.new("Array", 'methods, such as ["GET", "POST"]')
      HOSTS = Hosts.new("Array", 'hosts, such as ["example.com", "*.example.com"], or Regexps')
    end
  end
end
