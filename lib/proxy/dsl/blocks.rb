# frozen_string_literal: true

require "ripper"

module Proxy
  class DSL
    # Finds the block, bracket or String that is not closed, or the `end` that is one too many, in a source that Ruby
    # could not parse. If several are possible, the indentation decides.
    # @api private
    class Blocks
      # An opening token, its closing token, and its place.
      Opening = Struct.new(:text, :closing, :line, :indent, :word)
      private_constant :Opening

      WORDS = %w[begin case class def do module for if unless until while].freeze
      LOOPS = %w[for until while].freeze
      BRACKETS = { on_lparen: ["(", ")"], on_lbracket: ["[", "]"], on_lbrace: ["{", "}"], on_tlambeg: ["{", "}"],
                   on_embexpr_beg: ["\#{", "}"] }.freeze
      LISTS = %i[on_words_beg on_qwords_beg on_symbols_beg on_qsymbols_beg].freeze
      CLOSINGS = { on_rparen: ")", on_rbracket: "]", on_rbrace: "}", on_embexpr_end: "}" }.freeze
      private_constant :WORDS, :LOOPS, :BRACKETS, :LISTS, :CLOSINGS

      # The mistake as a line and a message; nil if everything is closed.
      def self.explain(source)
        new(source).explain
      end

      def initialize(source)
        @lines = source.lines
        @tokens = Ripper.lex(source)
      end

      def explain
        @open = []
        @first = nil
        @before = nil
        string = nil
        @tokens.each do |(line, column), kind, text, state|
          string = [line, text] if kind == :on_tstring_beg
          string = [line, closing(text)] if LISTS.include?(kind)
          if kind == :on_tstring_end && string
            # A String over several lines has no closing quote: its end is the start of the next String.
            if string.first < line && string.last.length == 1
              return [string.first, "the String that begins here goes on to line #{line}: write its " \
                                    "closing #{string.last}"]
            end

            string = nil
          end
          read(line, column, kind, text, state)
          break if @first

          @before = [kind, text, line] unless kind == :on_sp
        end
        if string
          what = %w[" '].include?(string.last) ? "String" : "list"
          return [string.first, "the #{what} that begins here has no end: write its closing #{string.last}"]
        end

        @first || not_closed(@open.find { |one| one.closing != "end" } || @open.last)
      end

      private

      # The closing bracket of `%w[`.
      def closing(text)
        { "[" => "]", "(" => ")", "{" => "}", "<" => ">" }.fetch(text.strip[-1], text.strip[-1])
      end

      def read(line, column, kind, text, state)
        if BRACKETS.key?(kind) then open(*BRACKETS.fetch(kind), line)
        elsif CLOSINGS.key?(kind) then close_bracket(CLOSINGS.fetch(kind), line)
        elsif kind == :on_kw && !name?
          return ends(line, column) if text == "end"

          open(text, "end", line) if opens?(text, line, state)
        end
      end

      # Whether a keyword is used as a name, as in `:if` and `.class`.
      def name?
        kind, text = @before
        %i[on_symbeg on_period].include?(kind) || (kind == :on_op && text == "&.") || (kind == :on_kw && text == "def")
      end

      def opens?(text, line, state)
        return false unless WORDS.include?(text)
        # `x if y` opens no block, and the `do` of a loop opens no second one.
        return !state.allbits?(Ripper::EXPR_LABEL) if %w[if unless until while].include?(text)
        return !@open.any? { |one| one.line == line && LOOPS.include?(one.text) } if text == "do"

        true
      end

      def open(text, closing, line)
        @open << Opening.new(text, closing, line, indent(line), @lines[line - 1].to_s[/\A\s*([\w!]+)/, 1] || text)
      end

      def close_bracket(text, line)
        top = @open.last
        return @open.pop if top&.closing == text
        return @first = not_closed(top) if top && top.closing != "end"

        @first = [line, "there is a #{text} that closes nothing: leave it out"]
      end

      def ends(line, column)
        top = @open.last
        return @first = not_closed(top) if top && top.closing != "end"

        begins = @lines[line - 1].to_s[0, column].to_s.strip.empty?
        return too_many(line, column) if top.nil?
        # This `end` has the indentation of an outer block: the inner block was not closed.
        if begins && top.indent > column && @open.any? { |one| one.indent == column } && unbalanced > 0
          return @first = not_closed(top)
        end
        return too_many(line, column) if begins && top.indent < column && unbalanced < 0

        @open.pop
      end

      # Number of opened blocks minus number of closed blocks in the whole source.
      def unbalanced
        @unbalanced ||= begin
          counter = Counter.new(@lines, @tokens)
          counter.count
        end
      end

      def not_closed(opening)
        return if opening.nil?
        if opening.closing != "end"
          return [opening.line, "#{opening.word}: the #{opening.text} here is not closed: write its #{opening.closing}"]
        end

        what = opening.text == opening.word ? "this `#{opening.text}`" : "its `#{opening.text}`"
        [opening.line, "#{opening.word}: #{what} has no `end`: write `end` where the block is over"]
      end

      # Reports a surplus `end`, preferably as a missing `do` of its block.
      def too_many(line, column)
        start = (line - 1).downto(1).find { |number| forgotten?(@lines[number - 1].to_s, column) }
        return @first = [line, "this `end` closes nothing: leave it out"] unless start

        text = @lines[start - 1].strip
        block = text[/\|[^|]*\|\z/]
        return @first = [start, "the `do` is missing: write do #{block} in place of #{block}"] if block
        return @first = [start, "the `do` is missing: write #{text} do |…|"] unless text.match?(/\A\w+\s/)

        @first = [start, "#{text[/\A\w+/]}: the `do` is missing: " \
                         "write #{text.length > 60 ? "`do` at the end of the line" : "#{text} do"}"]
      end

      def forgotten?(text, column)
        return false if text.index(/\S/) != column || text.match?(/\bdo\b|[{;]\s*\z/)
        return true if text.match?(/[\w)\]]\s*\|[^|]*\|\s*\z|\.(?:each\w*|times|map)\s*\z/)

        word = text[/\A\s*(\w+)/, 1]
        %w[location host].include?(word) || (!word.nil? && Foreign.block?(word))
      end

      def indent(line)
        @lines[line - 1].to_s[/\A\s*/].length
      end

      # Counts blocks without regard to indentation.
      class Counter < Blocks
        def initialize(lines, tokens) # rubocop:disable Lint/MissingSuper
          @lines = lines
          @tokens = tokens
        end

        def count
          @open = []
          @before = nil
          @count = 0
          @tokens.each do |(line, column), kind, text, state|
            read(line, column, kind, text, state)
            @before = [kind, text, line] unless kind == :on_sp
          end
          @count
        end

        private

        def open(text, closing, line)
          @open << Opening.new(text, closing, line)
          @count += 1 if closing == "end"
        end

        def close_bracket(text, _line)
          @open.pop if @open.last&.closing == text
        end

        def ends(*)
          @open.pop if @open.last&.closing == "end"
          @count -= 1
        end
      end
      private_constant :Counter
    end
  end
end
