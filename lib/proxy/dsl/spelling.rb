# frozen_string_literal: true

require "did_you_mean"

module Proxy
  class DSL
    # What a person may have meant.
    # @api private
    module Spelling
      # The nearest of `known`, or nil.
      def self.nearest(word, known)
        names = known.map(&:to_s)
        folded = word.to_s.downcase.tr("- ", "__")
        found = names.find { |name| name == folded }
        found ||= DidYouMean::SpellChecker.new(dictionary: names).correct(folded).first
        found ||= names.find { |name| name.delete("_") == folded.delete("_") }
        # `path` for `path_prefix`: what was written stands whole in exactly one of them.
        found ||= names.select { |name| folded.length > 2 && name.include?(folded) }.then { |hits| hits.first if hits.one? }
        known.find { |name| name.to_s == found } if found
      end

      # `" (did you mean :backends?)"`, or an empty String.
      def self.hint(word, known)
        nearest = nearest(word, known)
        nearest ? " (did you mean #{nearest.inspect}?)" : ""
      end

      # A value as it can stand in a one-line message, and in a log: a private key ends with its first line.
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
