# frozen_string_literal: true

module Proxy
  # A mistake in a configuration, or a warning: its place, and what to write instead.
  #
  # @example
  #   Proxy.check { proxy backend: ["127.0.0.1:3000"] }.each { |problem| puts problem }
  #   # app.rb:1: proxy: unknown option :backend (did you mean :backends?)
  class Problem
    # @return [String, nil] the file as the user named it; nil if the problem is in no file
    attr_reader :file
    # @return [Integer, nil] the line, counted from 1; nil if the whole file is meant
    attr_reader :line
    # @return [String, nil] the word that was written, such as `"proxy"`
    attr_reader :directive
    # @return [String] what is wrong, with the value, and what to write instead
    attr_reader :message
    # @return [Symbol] `:error`: the server does not start; `:warning`: legal, but probably a mistake
    attr_reader :severity

    # @return [Symbol] kind of mistake: `:syntax`, `:exception`, `:file`, `:word`, `:option`, `:value`; of a warning
    #   `:slip`. Warnings about the whole configuration are `:unreachable` (a location or a handler that no request
    #   reaches), `:unanswered` (a location without a handler), `:unused` (an upstream) and `:empty` (nothing is
    #   proxied)
    attr_reader :code

    # Makes problems from the Hashes that the engine reports.
    # @api private
    def self.from_native(hashes)
      hashes.map do |hash|
        at = hash[:at]
        new(file: at && at[:file], line: at && at[:line], directive: hash[:directive], message: hash[:message],
            severity: hash[:severity].to_sym, code: hash[:code].to_sym)
      end
    end

    # Sorts problems by file and line, without duplicates; problems of one line keep their order.
    # @api private
    def self.sort(problems)
      problems.uniq(&:to_s).each_with_index.sort_by { |problem, n| [problem.file.to_s, problem.line || 0, n] }
              .map(&:first)
    end

    # Text of any encoding as valid UTF-8.
    # @api private
    def self.text(text)
      return text if text.encoding == Encoding::UTF_8 && text.valid_encoding?

      bytes = text.dup.force_encoding(Encoding::UTF_8)
      return bytes if bytes.valid_encoding?

      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end

    # Text without the user and password of a URL (before the `@`), which must not be shown. A quote or a space ends a
    # URL.
    # @api private
    def self.without_secrets(text)
      return text unless text.include?("@")

      text.gsub(%r{(\w://)[^\s"'`]*@|(?<![^\s"'`])[^\s"'`:/]+:(?!//)[^\s"'`]*@}) { "#{$1}…@" }
    end

    # @api private
    def initialize(message:, file: nil, line: nil, directive: nil, severity: :error, code: nil)
      @file = file && Problem.text(file)
      @line = line
      @directive = directive
      @message = Problem.without_secrets(Problem.text(message))
      @severity = severity
      @code = code || (severity == :warning ? :slip : :value)
      freeze
    end

    # Verbs that a remedy begins with.
    VERBS = %w[write leave keep move use give put save begin get set add choose delete create correct copy name make
               remove ask renew share let
               check see start raise install describe run stop allow restart take].freeze
    # Beginnings of remedies without such a verb.
    PHRASES = ["the nearest are", "the port must be", "for a unix socket write", "a value is written",
               "captures have names",
               "in a String write", "each part", "only a port", "an IPv6 address is written", "it takes no options",
               "its options are", "its only option is", "the proxy sends", "for a certificate of your own"].freeze
    REMEDY = /(?:\A|: |; |, and )((?:#{Regexp.union(VERBS)}|#{Regexp.union(PHRASES)})\b.*)\z|(`proxy (?:init` writes|help` lists).*)\z|\((did you mean [^)]*\?)/.freeze
    private_constant :VERBS, :PHRASES, :REMEDY

    # @return [String, nil] the part of the message that says what to do; nil if there is none
    def remedy
      message.match(REMEDY)&.captures&.compact&.first
    end

    # The problem as `proxy check --json` prints it.
    #
    # @return [Hash] `file`, `line`, `severity`, `code` (`:slip` for every warning), `directive`, `message` and
    #   `remedy`, by Symbol
    def to_h
      { file: file, line: line, severity: severity, code: warning? ? :slip : code, directive: directive,
        message: message, remedy: remedy }
    end

    # @return [Boolean] whether the problem keeps the server from starting
    def error?
      severity == :error
    end

    # @return [Boolean] whether the server starts despite the problem
    def warning?
      severity == :warning
    end

    # @return [String] one line, such as `Proxyfile:12: proxy: unknown option :backend (did you mean :backends?)`
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
