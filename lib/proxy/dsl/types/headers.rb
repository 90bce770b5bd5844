# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Fields by name, whose names are Strings (or the Symbols of `"X-Name": "…"`).
      class Fields < Text
        # Fields whose values belong in no message.
        SECRET = /authorization|cookie|token|key|secret|password|credential|signature/i
        private_constant :SECRET

        private

        # A value of a field as a message may show it.
        def shown(name, value)
          secret?(name) ? "that is not shown" : Spelling.show(value)
        end

        def secret?(name)
          SECRET.match?(name)
        end

        def field_name(name, place)
          return utf8(name.to_s, place) if name.is_a?(String) || name.is_a?(Symbol)

          place.error("the header name #{Spelling.show(name)} is #{Spelling.kind(name)}: write #{hint}")
        end
      end

      # Edits of a head: a String is literal, `{ rewrite: "…" }` is a string rewrite, an Array is several values, nil removes.
      class Edits < Fields
        def read(value, place)
          lines = value.is_a?(Array) && value.one? ? value.first : value
          name, text = lines.match(/\A([\w-]+):\s*(.*)\z/)&.captures if lines.is_a?(String)
          return place.error("this is #{Spelling.kind(value)}: write { #{name.inspect} => #{secret?(name) ? '"…"' : Spelling.show(text)} }") if name
          return wrong(value, place) unless value.is_a?(Hash)

          edits = value.map { |name, values| edit(name, values, place) }
          twice(value.keys, place)
          edits.difference([INVALID])
        end

        private

        # Names that differ in case are one field, and one of the edits would be lost.
        def twice(names, place)
          names.group_by { |name| name.to_s.downcase }.each_value do |same|
            next if same.one?

            place.error("#{same.map(&:inspect).join(" and ")} are the same header: write one of them, with an Array for several values")
          end
        end

        def edit(name, values, place)
          field = field_name(name, place)
          return INVALID if field.equal?(INVALID)

          list = values.is_a?(Array) ? values : [values].compact
          if values.is_a?(Array) && values.empty?
            return place.error("#{field.inspect} has no values: write nil to remove the header")
          end

          read = list.map { |one| field_value(field, one, place) }
          read.include?(INVALID) ? INVALID : { "name" => field, "values" => read }
        end

        def field_value(field, value, place)
          case value
          when String then tagged("literal", value, place)
          when Hash
            return tagged("rewrite", value[:rewrite], place) if value.keys == [:rewrite] && value[:rewrite].is_a?(String)

            place.error("the value #{shown(field, value)} of #{field.inspect} is unknown: write { rewrite: \"{addr}\" }")
          else
            place.error("the value #{shown(field, value)} of #{field.inspect} is #{Spelling.kind(value)}: " \
                        'write a String, { rewrite: "{addr}" }, an Array of those, or nil to remove the header')
          end
        end

        def tagged(tag, text, place)
          text = utf8(text, place)
          text.equal?(INVALID) ? INVALID : { tag => text }
        end
      end

      # Fields of an answer that we make: a Hash, or an Array of pairs; an Array as a value is several fields.
      class Pairs < Fields
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
            next [name, utf8(value, place)].then { |pair| pair.include?(INVALID) ? INVALID : pair } if value.is_a?(String)

            place.error("the value #{shown(name, value)} of #{name.inspect} is #{Spelling.kind(value)}: write a String")
          end
        end
      end

      # Fields to add: a String is a string rewrite, an Array is several.
      class Additions < Fields
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

          place.error("the value #{shown(name, value)} of #{name.inspect} is #{Spelling.kind(value)}: write a String, such as \"{addr}\"")
        end
      end

      ADDITIONS = Additions.new("Hash", 'a Hash, such as { "X-Client" => "{addr}" }')
      EDITS = Edits.new("Hash", 'a Hash, such as { "X-Env" => "production", "X-Client" => { rewrite: "{addr}" }, "Cookie" => nil }')
      PAIRS = Pairs.new("Hash", 'a Hash, such as { "Retry-After" => "120" }')
    end
  end
end
