# frozen_string_literal: true

require_relative "raised"
require_relative "syntax"

module Proxy
  class DSL
    # Turns exceptions of a configuration file into problems with a line.
    # @api private
    module Exceptions
      # A syntax error. Ruby up to 3.3 writes `FILE:LINE: message` for each; 3.4 draws the source and the messages under
      # it. `files` are the files that were read, and `source` is the text of `file`. If we have an explanation, it
      # replaces Ruby's messages.
      def self.syntax(error, file, files = [file], source = "")
        lines = Problem.text(error.message).lines(chomp: true)
        named = /\A(#{Regexp.union(files)}):(\d+): (.*)\z/
        found = lines.filter_map { |text| text.match(named)&.captures }
        file_found = found.any? ? found.first.first : file
        if found.empty? || found.first.last.match?(/\Asyntax errors? found/)
          found = drawn(lines).map { |line, text| [file_found, line, text] }
        end
        found = [[file_found, nil, lines.first.to_s]] if found.empty?
        explained = explained(found.first, file, source)
        return explained unless explained.empty?

        found.map do |path, line, text|
          Problem.new(file: path, line: line&.to_i,
                      message: "#{sentence(text)}: check the quotes, commas and brackets of this line", code: :syntax)
        end
      end

      # Our own explanation of a syntax error of `file`; empty if we have none.
      def self.explained((path, line, _), file, source)
        return [] if path != file || source.empty?

        Syntax.explain(source, line).map do |at, message|
          Problem.new(file: path, line: at, message: message, code: :syntax)
        end
      end
      private_class_method :explained

      # Problem for any other exception, at the innermost line of the files in its backtrace. `sources` are their texts
      # by name.
      def self.raised(error, file, sources = {})
        location = error.backtrace_locations&.find { |one| sources.key?(FilePath.text(one.path)) }
        file = FilePath.text(location.path) if location
        line = location&.lineno
        text = sources[file].to_s.lines[line - 1] if line
        Problem.new(file: file, line: line,
                    message: (Raised.explain(error, text) unless ours?(error)) || plainly(error), code: :exception)
      end

      # Whether a mistake in the gem itself raised the exception.
      def self.ours?(error)
        first = error.backtrace_locations&.first
        !first.nil? && FilePath.text(first.path).start_with?(File.join(__dir__, ""))
      end
      private_class_method :ours?

      def self.plainly(error)
        text = Problem.text(error.message).lines(chomp: true).first.to_s
        "raised #{error.class}#{": #{text}" unless text.empty? || text == error.class.name}"
      end
      private_class_method :plainly

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
