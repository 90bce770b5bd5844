# frozen_string_literal: true

module Proxy
  class DSL
    # Characters that look like Ruby's but differ, such as curly quotes. They come from web pages and word processors.
    # @api private
    module Typography
      # Name of each character, and its replacement.
      NAMES = {
        "\u201c" => ["a curly quote", '"'], "\u201d" => ["a curly quote", '"'], "\u201e" => ["a curly quote", '"'],
        "\u2018" => ["a curly quote", "'"], "\u2019" => ["a curly quote", "'"], "\u201a" => ["a curly quote", "'"],
        "\u00ab" => ["a quotation mark", '"'], "\u00bb" => ["a quotation mark", '"'],
        "\u2033" => ["a double prime", '"'],
        "\u2013" => ["an en dash", "-"], "\u2014" => ["an em dash", "-"], "\u2212" => ["a minus sign", "-"],
        "\u2010" => ["a hyphen", "-"],
        "\u2011" => ["a hyphen", "-"], "\u2026" => ["an ellipsis", "..."], "\u00a0" => ["a non-breaking space", " "],
        "\u202f" => ["a non-breaking space", " "], "\u2007" => ["a non-breaking space", " "],
        "\u3000" => ["a wide space", " "],
        "\u200b" => ["an invisible space", nil], "\ufeff" => ["an invisible mark", nil],
        "\u2060" => ["an invisible mark", nil],
        "\uff1a" => ["a wide colon", ":"], "\uff0c" => ["a wide comma", ","]
      }.freeze
      PATTERN = Regexp.union(NAMES.keys)
      private_constant :NAMES, :PATTERN

      # The mistake in a word with such a character; nil if it has none.
      def self.word(word)
        found = word.to_s[PATTERN] or return
        describe(found)
      end

      # The first such character in code, as a line and a message; nil if there is none. In comments and Strings they
      # are allowed.
      def self.in(source)
        source.each_line.with_index(1) do |text, line|
          found = code(text)[PATTERN]
          return [line, describe(found)] if found
        end
        nil
      end

      # A line without its comment.
      def self.plain(text)
        text.to_s.sub(/(?:\A|\s)#(?!\{)(?=[^"']*\z).*/m, "").chomp
      end

      def self.describe(character)
        name, ours = NAMES.fetch(character)
        shown = character.match?(/[[:graph:]]/) && !name.include?("invisible") ? character :
          format("U+%04X", character.ord)
        remedy = case ours
                 when nil then "delete it"
                 when " " then "write a plain space"
                 else "write #{ours}"
                 end
        "#{shown} is #{name}, which Ruby takes for a letter: #{remedy}"
      end
      private_class_method :describe

      # A line without its Strings and its comment.
      def self.code(text)
        text.gsub(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/, "").sub(/(?:\A|\s)#(?!\{).*/, "")
      end
      private_class_method :code
    end
  end
end
