# frozen_string_literal: true

require "ripper"

module Proxy
  class DSL
    # Adjacent Strings, which Ruby joins to one: a comma is missing. On several lines they are a long text and no
    # mistake.
    # @api private
    module Adjacent
      # Pairs of a line and its message.
      def self.find(source)
        return [] unless source.match?(/["'][ \t]+["']/)

        tokens = Ripper.lex(source)
        ends = tokens.each_index.select { |index| tokens[index][1] == :on_tstring_end }
        ends.filter_map do |index|
          (_, space), (_, follows) = tokens[index + 1]&.first(2), tokens[index + 2]&.first(2)
          next unless space == :on_sp && follows == :on_tstring_beg && tokens[index + 2][0][0] == tokens[index][0][0]

          first, second = text(tokens, index, -1), text(tokens, index + 2, 1)
          [tokens[index][0][0], "#{first} and #{second} are read as one String: write a comma between them"]
        end
      end

      # The source of the String that ends or begins at a token.
      def self.text(tokens, index, step)
        stop = step.positive? ? :on_tstring_end : :on_tstring_beg
        last = index.step(by: step).find { |at| tokens[at].nil? || (at != index && tokens[at][1] == stop) } || index
        tokens[[index, last].min..[index, last].max].map { |token| token[2] }.join
      end
      private_class_method :text
    end
  end
end
