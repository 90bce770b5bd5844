# frozen_string_literal: true

require_relative "../problem"

module Proxy
  class DSL
    # Formats values for messages.
    # @api private
    module Format
      # `a, b and c`
      def self.list(words)
        [words[0..-2].join(", "), words.last].reject { |part| part.to_s.empty? }.join(" and ")
      end

      # A value for a one-line message or a log. A private key is cut after its first line.
      def self.show(value)
        text = Problem.without_secrets(Problem.text(value.inspect))
        text = "#{$&}..." if text =~ /\A.*?PRIVATE KEY-----/
        text.length > 80 ? "#{text[0, 77]}..." : text
      end

      # `a String`, `an Integer`
      def self.kind(value)
        case value
        when nil then "nil"
        when true, false then value.inspect
        else
          name = value.class.name || "object"
          "#{name.match?(/\A[AEIOU]/) ? "an" : "a"} #{name}"
        end
      end
    end
  end
end
