# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Header fields by name. Names are Strings, or Symbols as in `"X-Name": "…"`.
      class Fields < Text
        # Fields whose values are not shown in messages.
        SECRET = /authorization|cookie|token|key|secret|password|credential|signature/i
        private_constant :SECRET

        private

        # A field's value for a message, hidden if it may be secret.
        def shown(name, value)
          secret?(name) ? "that is not shown" : Format.show(value)
        end

        def secret?(name)
          SECRET.match?(name)
        end

        def field_name(name, place)
          return utf8(name.to_s, place) if name.is_a?(String) || name.is_a?(Symbol)

          place.error("the header name #{Format.show(name)} is #{Format.kind(name)}: write #{hint}")
        end
      end

      # Header fields of the proxy's own responses: a Hash, or an Array of pairs; an Array as a value is several fields.
      class Pairs < Fields
        def signature = "Hash[String | Symbol, String | Array[String]] | Array[[String, String]]"

        def read(value, place)
          pairs = value.is_a?(Hash) ? value.to_a : value
          return wrong(value, place) unless pairs.is_a?(Array)
          return wrong(value, place) unless pairs.all? { |pair| pair.is_a?(Array) && pair.length == 2 }

          fields = pairs.flat_map { |name, values| field(name, values, place) }
          fields.difference([INVALID])
        end

        private

        def field(name, values, place)
          name = field_name(name, place)
          return [INVALID] if name.equal?(INVALID)

          (values.is_a?(Array) ? values : [values]).map do |value|
            next all_sound([name, utf8(value, place)]) if value.is_a?(String)

            place.error("the value #{shown(name, value)} of #{name.inspect} is #{Format.kind(value)}: write a String")
          end
        end
      end

      # Header fields to add: a String is a string rewrite, an Array is several fields.
      class Additions < Fields
        def signature = "Hash[String | Symbol, String | Array[String]]"

        def read(value, place)
          return wrong(value, place) unless value.is_a?(Hash)

          value.map { |name, values| addition(name, values, place) }.difference([INVALID])
        end

        private

        def addition(name, values, place)
          name = field_name(name, place)
          return INVALID if name.equal?(INVALID)
          return place.error("#{name.inspect} has no values: write a String, or leave it out") if values == []

          read = (values.is_a?(Array) ? values : [values]).map { |value| text(name, value, place) }
          read.include?(INVALID) ? INVALID : [name, read]
        end

        def text(name, value, place)
          return utf8(value, place) if value.is_a?(String)

          place.error("the value #{shown(name, value)} of #{name.inspect} is #{Format.kind(value)}: " \
                      'write a String, such as "{addr}"')
        end
      end

      ADDITIONS = Additions.new("Hash", 'a Hash, such as { "X-Client" => "{addr}" }')
      PAIRS = Pairs.new("Hash", 'a Hash, such as { "Retry-After" => "120" }')
    end
  end
end
