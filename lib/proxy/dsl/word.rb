# frozen_string_literal: true

require_relative "schema"
require_relative "types"

module Proxy
  class DSL
    # A word of the language: a {Schema} that a configuration calls by its name. Each word has its own file,
    # words/NAME.rb.
    # @api private
    class Word < Schema
      # One call of a word: the configuration object and its draft, the place of the call, its arguments, options and
      # block.
      Call = Struct.new(:dsl, :draft, :place, :arguments, :options, :block)
      private_constant :Call

      class << self
        # Declares the value before the options: its type and its name in signatures. `many`: several values may follow
        # each other.
        def takes(type, as:, many: false)
          facts.update(takes: type, as: as.to_s, many: many)
        end

        # Sets the documentation's text for the default of the word itself.
        def default(prose)
          facts[:default] = prose
        end
      end

      attr_reader :takes

      def initialize(name)
        super
        @takes, @as, @many = self.class.facts.values_at(:takes, :as, :many)
      end

      # Runs a call: adds to the draft, or reports mistakes at the place of the call.
      def call(dsl, draft, arguments, options, block)
        run(Call.new(dsl, draft, draft.place(name), arguments, options, block))
        nil
      end

      # The type of the word's method, in RBS.
      def signature
        value = takes && "#{@many ? "*(#{takes.signature})" : takes.signature} #{@as}"
        keywords = options.flat_map(&:keywords)
        "(#{[value, *keywords].compact.join(", ")}) -> nil"
      end
    end
  end
end

require_relative "word/filter"
require_relative "word/handler"
require_relative "word/setting"
