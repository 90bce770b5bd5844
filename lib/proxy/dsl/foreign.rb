# frozen_string_literal: true

require_relative "foreign/options"
require_relative "foreign/words"

module Proxy
  class DSL
    # Words and options of other systems, each with what says the same here.
    # @api private
    module Foreign
      # What to write in place of a word; nil if nobody knows it.
      def self.word(name)
        WORDS[name.to_sym] || WORDS[folded(name)]
      end

      # Whether a word may be there without anything after it.
      def self.alone?(name)
        ALONE.include?(name.to_sym)
      end

      # Whether what is in the block of a word belongs to the configuration.
      def self.block?(name)
        BLOCKS.include?(folded(name))
      end

      # What to do about an option that has none of ours in its place; nil if nobody knows it.
      def self.note(name)
        NOTES[folded(name)] if name.respond_to?(:to_sym)
      end

      # What to write in place of an option of `word`, where `names` are those that there are; nil if nobody knows it.
      def self.option(name, names, word = nil)
        return unless name.respond_to?(:to_sym)

        known = OPTIONS[name.to_sym] || OPTIONS[folded(name)]
        known = known&.select { |option, _, only| names.include?(option) && (only.nil? || only == word) }
        ours, value = known&.max_by { |_, _, only| only ? 1 : 0 }
        "write #{ours}: #{value}" if ours
      end

      # `stripPrefix` and `strip-prefix` as `strip_prefix`.
      def self.folded(name)
        name.to_s.gsub(/([a-z0-9])([A-Z])/, '\1_\2').tr("-", "_").downcase.to_sym
      end
    end
  end
end
