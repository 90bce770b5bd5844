# frozen_string_literal: true

module Proxy
  class DSL
    # The examples that stand in the documentation of the words, which is where they are kept.
    # @api private
    module Examples
      # The lines of the first example of a word; empty if it has none.
      def self.of(word)
        file, line = DSL.instance_method(word).source_location
        comment = File.readlines(file, chomp: true, encoding: Encoding::UTF_8).first(line - 1).reverse.take_while { |text| text.match?(/\A\s*#/) }.reverse
        comment = comment.map { |text| text.sub(/\A\s*# ?/, "") }
        first = comment.index { |text| text.start_with?("@example") } or return []
        comment.drop(first + 1).take_while { |text| text.start_with?("  ") }.map { |text| text.delete_prefix("  ") }
      rescue NameError, SystemCallError
        []
      end

      # The first of them that is one line, as a message shows it; nil if there is none.
      def self.line(word)
        lines = of(word)
        lines.first if lines.first && !lines.first.end_with?(",", " do")
      end
    end
  end
end
