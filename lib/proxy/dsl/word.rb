# frozen_string_literal: true

require_relative "schema"
require_relative "types"

module Proxy
  class DSL
    # A word of the language: a {Schema} that a configuration calls by its name. Each stands in a file of its own,
    # words/NAME.rb.
    # @api private
    class Word < Schema
      # One call of a word: the object of the configuration and its draft, the place of the call, and what was written
      # there.
      Call = Struct.new(:dsl, :draft, :place, :arguments, :options, :block)
      private_constant :Call

      class << self
        # What is written before the options: a type, and what a value of it is called. `many`: several may be written,
        # one after the other.
        def takes(type, as:, many: false)
          facts.update(takes: type, as: as.to_s, many: many)
        end

        # Prose for the default of the word itself.
        def default(prose)
          facts[:default] = prose
        end
      end

      attr_reader :takes

      def initialize(name)
        super
        @takes, @as, @many = self.class.facts.values_at(:takes, :as, :many)
      end

      # Does what is written: adds to the draft, or reports at the place of the call what is wrong.
      def call(dsl, draft, arguments, options, block)
        run(Call.new(dsl, draft, draft.place(name), arguments, options, block))
        nil
      end

      # The type of the method of this name, in RBS.
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
