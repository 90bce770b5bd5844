# frozen_string_literal: true

require "ripper"

module Proxy
  class DSL
    # The lines on which the statements of a source begin. For a call over several lines Ruby reports the line of one of
    # its arguments, and which one depends on the version; a user expects the line of the word.
    # @api private
    class Statements
      OPENING = %i[on_lparen on_lbracket on_lbrace on_tlambeg on_embexpr_beg].freeze
      CLOSING = %i[on_rparen on_rbracket on_rbrace on_embexpr_end].freeze

      def initialize(source)
        @source = source
      end

      # The first line of the call of `word` that Ruby reports at `line`; `line` itself if none is found.
      def line_of(word, line)
        begun = nil
        tokens.each do |token|
          break if token[:line] > line

          if token[:word] == word then begun = token
          elsif begun && token[:ends] && token[:line] < line && token[:depth] <= begun[:depth] then begun = nil
          end
        end
        begun ? begun[:line] : line
      end

      private

      # Words that may be calls, and line ends that end a statement, each with its bracket depth.
      def tokens
        @tokens ||= begin
          depth = 0
          before = nil
          Ripper.lex(@source).filter_map do |(line, _), kind, text|
            depth += 1 if OPENING.include?(kind)
            depth -= 1 if CLOSING.include?(kind)
            callable = kind == :on_ident && !%i[on_symbeg on_label_beg].include?(before)
            before = kind
            if callable then { line: line, word: text, depth: depth }
            elsif kind == :on_nl then { line: line, ends: true, depth: depth }
            end
          end
        end
      end
    end
  end
end
