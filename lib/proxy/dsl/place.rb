# frozen_string_literal: true

module Proxy
  class DSL
    # The place of a value: the line of its directive and the path of options that leads to it. Problems with the value
    # are reported through it.
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

      # Name of the word or the option whose value is read.
      def name
        (@trail.last || @directive).to_sym
      end

      # Reports a mistake and returns {INVALID}.
      def error(message, code: nil)
        @problems << Problem
                     .new(file: @file, line: @line, directive: @directive.to_s, message: [*@trail, message].join(": "),
                          code: code)
        INVALID
      end

      # Reports a warning: legal, but probably a mistake.
      def warning(message)
        @problems << Problem
                     .new(file: @file, line: @line, directive: @directive.to_s, message: [*@trail, message].join(": "),
                          severity: :warning)
      end

      # Reports a block after a word that takes none.
      def no_block
        error("takes no block: write its options after it, without { … } or do … end")
      end

      # Reports a value before the options of a word that takes only options. `shown` is the value, and `write` the
      # correction.
      def options_only(shown, write)
        error("takes options only, not #{shown}: write #{write}")
      end

      # The name of a file, relative to the same folder as the name of this configuration file.
      def named(file)
        folder = File.dirname(@file)
        folder == "." || file.start_with?("/", "~") ? file : File.join(folder, file)
      end

      # The place in the engine's form: file and line.
      def at
        { "file" => @file, "line" => @line }
      end

      # `Proxyfile:3`
      def to_s
        "#{@file}:#{@line}"
      end
    end

    # The value that a type returns in place of a wrong value, after it was reported.
    # @api private
    INVALID = Object.new.freeze
  end
end
