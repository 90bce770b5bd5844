# frozen_string_literal: true

module Proxy
  class DSL
    # Exceptions of a configuration file, as problems with a line.
    # @api private
    module Trouble
      # A syntax error. Ruby up to 3.3 writes `FILE:LINE: message` for each; 3.4 draws the source and the messages under it.
      def self.syntax(error, file)
        lines = error.message.lines(chomp: true)
        found = lines.filter_map do |text|
          match = text.match(/\A#{Regexp.escape(file)}:(\d+): (.*)\z/) and [match[1].to_i, match[2]]
        end
        found = drawn(lines) if found.empty? || found.first.last.match?(/\Asyntax errors? found/)
        found = [[nil, lines.first.to_s]] if found.empty?
        found.map { |line, text| Problem.new(file: file, line: line, message: sentence(text)) }
      end

      # Any other exception, at the line of the file that led to it.
      def self.raised(error, file)
        line = error.backtrace_locations&.find { |location| location.path == file }&.lineno
        text = error.message.lines(chomp: true).first.to_s
        Problem.new(file: file, line: line, message: "raised #{error.class}#{": #{text}" unless text.empty? || text == error.class.name}")
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
