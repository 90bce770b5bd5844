# frozen_string_literal: true

module Proxy
  # One thing that is wrong with a configuration, or looks like a slip: where it stands and what to write instead.
  #
  # @example
  #   Proxy.check { proxy backend: ["127.0.0.1:3000"] }.each { |problem| puts problem }
  #   # app.rb:1: proxy: unknown option :backend (did you mean :backends?)
  class Problem
    # @return [String, nil] the file as the person named it; nil when no file said it
    attr_reader :file
    # @return [Integer, nil] its line, counted from 1; nil when the whole file is meant
    attr_reader :line
    # @return [String, nil] the word that was written, such as `"proxy"`
    attr_reader :directive
    # @return [String] what is wrong, with the value, and what to write instead
    attr_reader :message
    # @return [Symbol] `:error`: the server does not start; `:warning`: legal, and surely meant otherwise
    attr_reader :severity

    # Problems as the engine reports them.
    # @api private
    def self.from_native(hashes)
      hashes.map do |hash|
        at = hash[:at]
        new(file: at && at[:file], line: at && at[:line], directive: hash[:directive], message: hash[:message],
            severity: hash[:severity].to_sym)
      end
    end

    # Every problem once, by file and line; problems of one line keep their order.
    # @api private
    def self.sort(problems)
      problems.uniq(&:to_s).each_with_index.sort_by { |problem, n| [problem.file.to_s, problem.line || 0, n] }.map(&:first)
    end

    # Text of whatever encoding as it can stand beside others, in UTF-8.
    # @api private
    def self.text(text)
      return text if text.encoding == Encoding::UTF_8 && text.valid_encoding?

      bytes = text.dup.force_encoding(Encoding::UTF_8)
      return bytes if bytes.valid_encoding?

      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end

    # Text without what stands before an `@` in a URL: a password belongs in no message. A quote or a space ends a URL.
    # @api private
    def self.without_secrets(text)
      return text unless text.include?("@")

      text.gsub(%r{(\w://)[^\s"'`]*@|(?<![^\s"'`])[^\s"'`:/]+:(?!//)[^\s"'`]*@}) { "#{$1}…@" }
    end

    # @api private
    def initialize(message:, file: nil, line: nil, directive: nil, severity: :error)
      @file = file && Problem.text(file)
      @line = line
      @directive = directive
      @message = Problem.without_secrets(Problem.text(message))
      @severity = severity
      freeze
    end

    # @return [Boolean] whether the server does not start because of it
    def error?
      severity == :error
    end

    # @return [Boolean] whether the server starts all the same
    def warning?
      severity == :warning
    end

    # @return [String] one line, `Proxyfile:12: proxy: unknown option :backend (did you mean :backends?)`
    def to_s
      place = [file, line].compact.join(":")
      [place, directive, message].reject { |part| part.nil? || part.empty? }.join(": ")
    end

    # @return [String]
    def inspect
      "#<#{self.class} #{severity} #{self}>"
    end
  end
end
