# frozen_string_literal: true

module Proxy
  class DSL
    # Where a value stands: the line of its directive and the path of options that leads to it. What is wrong is
    # reported here.
    # @api private
    class Place
      # @return [String] the folder that relative paths start from
      attr_reader :directory

      def initialize(problems:, directive:, file:, line:, directory:, trail: [])
        @problems = problems
        @directive = directive
        @file = file
        @line = line
        @directory = directory
        @trail = trail
      end

      # The place of an option, or of a part of one.
      def within(name)
        self.class.new(problems: @problems, directive: @directive, file: @file, line: @line, directory: @directory,
                       trail: [*@trail, name])
      end

      # The word or the option whose value is read.
      def name
        (@trail.last || @directive).to_sym
      end

      # Reports a mistake and returns the value that stands for "do not use this".
      def error(message, code: nil)
        @problems << Problem
                     .new(file: @file, line: @line, directive: @directive.to_s, message: [*@trail, message].join(": "),
                          code: code)
        INVALID
      end

      # Reports what is legal and surely meant otherwise.
      def warning(message)
        @problems << Problem
                     .new(file: @file, line: @line, directive: @directive.to_s, message: [*@trail, message].join(": "),
                          severity: :warning)
      end

      # Reports a block after a word that would not call it.
      def no_block
        error("takes no block: write its options after it, without { … } or do … end")
      end

      # Reports what was written before the options of a word that takes options alone. `shown` is what, and `write`
      # what is meant.
      def options_only(shown, write)
        error("takes options only, not #{shown}: write #{write}")
      end

      # What a file is called that this file names: from where the person looks at both.
      def named(file)
        folder = File.dirname(@file)
        folder == "." || file.start_with?("/", "~") ? file : File.join(folder, file)
      end

      # As the engine takes it.
      def at
        { "file" => @file, "line" => @line }
      end

      # `Proxyfile:3`
      def to_s
        "#{@file}:#{@line}"
      end
    end

    # What a type returns for a value that was reported as wrong.
    # @api private
    INVALID = Object.new.freeze
  end
end
