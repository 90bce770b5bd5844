# frozen_string_literal: true

require "did_you_mean"

module Proxy
  class DSL
    # Suggestions for misspelt words.
    # @api private
    module Spelling
      # The nearest of `known`, or nil.
      def self.nearest(word, known)
        names = known.map(&:to_s)
        folded = word.to_s.downcase.tr("- ", "__")
        found = names.find { |name| name == folded }
        found ||= DidYouMean::SpellChecker.new(dictionary: names).correct(folded).first
        found ||= names.find { |name| name.delete("_") == folded.delete("_") }
        # `path` for `path_prefix`: the word is a part of exactly one known name.
        found ||= names.select { |name| folded.length > 2 && name.include?(folded) }.then do |hits|
          hits.first if hits.one?
        end
        known.find { |name| name.to_s == found } if found
      end

      # The member of `known` that differs from the word only by case or one letter, or nil.
      def self.nearest_exactly(word, known)
        known.find { |name| name.to_s.casecmp?(word.to_s) } || known.find do |name|
          DidYouMean::Levenshtein.distance(name.to_s, word.to_s) == 1
        end
      end

      # The `count` members of `known` that are most similar to the word, best first.
      def self.near(word, known, count = 3)
        folded = word.to_s.downcase
        known.max_by(count) do |name|
          [DidYouMean::JaroWinkler.distance(folded, name.to_s), -DidYouMean::Levenshtein.distance(folded, name.to_s)]
        end
      end

      # `" (did you mean :backends?)"`, or an empty String.
      def self.hint(word, known)
        nearest = nearest(word, known)
        nearest ? " (did you mean #{nearest.inspect}?)" : ""
      end
    end
  end
end
