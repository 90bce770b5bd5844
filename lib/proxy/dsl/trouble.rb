# frozen_string_literal: true

module Proxy
  class DSL
    # Exceptions of a configuration file, as problems with a line.
    # @api private
    module Trouble
      # A syntax error. Ruby up to 3.3 writes `FILE:LINE: message` for each; 3.4 draws the source and the messages under it. `files` are
      # those that were read, and `source` is the text of `file`.
      def self.syntax(error, file, files = [file], source = "")
        lines = Problem.text(error.message).lines(chomp: true)
        named = /\A(#{Regexp.union(files)}):(\d+): (.*)\z/
        found = lines.filter_map { |text| text.match(named)&.captures }
        file = found.first.first if found.any?
        found = drawn(lines).map { |line, text| [file, line, text] } if found.empty? || found.first.last.match?(/\Asyntax errors? found/)
        found = [[file, nil, lines.first.to_s]] if found.empty?
        found.map do |path, line, text|
          Problem.new(file: path, line: line&.to_i, message: "#{sentence(text)}#{foreign(source, line) if path == file}")
        end
      end

      # What a line in the words of another system would be in ours.
      def self.foreign(source, line)
        text = source.lines[line.to_i - 1] if line
        word = text.to_s[/\A\s*(\w+)/, 1] or return
        known = Foreign.word(word.to_sym) and "; #{word}: #{known}"
      end
      private_class_method :foreign

      # Any other exception, at the innermost line of the files that led to it.
      def self.raised(error, file, files = [file])
        location = error.backtrace_locations&.find { |one| files.include?(FilePath.text(one.path)) }
        text = Problem.text(error.message).lines(chomp: true).first.to_s
        Problem.new(file: location ? FilePath.text(location.path) : file, line: location&.lineno,
                    message: "raised #{error.class}#{": #{text}" unless text.empty? || text == error.class.name}")
      end

      # `> 3 | source` and, below it, `    |   ^ message`.
      def self.drawn(lines)
        line = nil
        lines.filter_map do |text|
          if (match = text.match(/\A> *(\d+) \|/)) then line = match[1].to_i and next
          elsif line && (match = text.match(/\A +\| +\^~* (.+)\z/)) then [line, match[1]]
          end
        end
      end
      private_class_method :drawn

      def self.sentence(text)
        text.start_with?("syntax error") ? text : "syntax error, #{text}"
      end
      private_class_method :sentence
    end
  end
end
