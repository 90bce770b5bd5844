# frozen_string_literal: true

require_relative "foreign/content"
require_relative "foreign/options"
require_relative "foreign/words"

module Proxy
  class DSL
    # Words and options of other systems, each with its equivalent here.
    # @api private
    module Foreign
      # The replacement for a word of another system; nil if it is unknown.
      def self.word(name)
        WORDS[name.to_sym] || WORDS[folded(name)]
      end

      # Whether a word may stand alone, without arguments.
      def self.alone?(name)
        ALONE.include?(name.to_sym)
      end

      # Whether the block of a word of another system is read as a configuration.
      def self.block?(name)
        BLOCKS.include?(folded(name))
      end

      # Advice for an option of another system that has no equivalent here; nil if it is unknown.
      def self.note(name)
        NOTES[folded(name)] if name.respond_to?(:to_sym)
      end

      # The replacement for an option of `word`; `names` are its existing options. nil if it is unknown.
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
