# frozen_string_literal: true

require_relative "../router"

module Proxy
  module Testing
    # What a test expects of the router for one request. Each kind is a class; its methods add facts. A fact is compared
    # with `===`, so that regular expressions, ranges and RSpec's matchers can stand for values.
    #
    # It speaks RSpec's protocol for matchers; the assertions of Minitest use the same objects.
    # @abstract
    class Expectation
      # A fact: its phrase in the description, the block that says whether it holds, and the block that shows what is
      # there instead (nil if the summary of the explanation shows it).
      Fact = Struct.new(:phrase, :holds, :found)
      private_constant :Fact

      class << self
        # @return [Array<Symbol>] names of the methods that add facts
        # @api private
        def facts = public_instance_methods(false) - %i[description]

        # An expectation of a kind from one Hash of options and facts.
        # @api private
        def build(kind, request, facts)
          options, facts = facts.partition { |name, _| %i[from headers].include?(name) }.map(&:to_h)
          unknown = facts.keys - kind.facts
          raise ArgumentError, unknown(unknown.first, kind) unless unknown.empty?

          facts.reduce(kind.new(request, **options)) { |built, (name, value)| built.with_fact(name, value) }
        end

        private

        def unknown(name, kind)
          "unknown keyword: #{name.inspect}#{DSL::Spelling.hint(name, %i[from headers] + kind.facts)}"
        end
      end

      # @param request [String] as for {Router#explain}
      # @param options [Hash] `from:` and `headers:`, as for {Router#explain}
      # @api private
      def initialize(request, **options)
        @request = request
        @options = options
        @facts = []
      end

      # Adds a fact by name; its value is the argument, true if there is none.
      # @return [self]
      # @api private
      def with_fact(name, value)
        takes_none = method(name).arity.zero?
        raise ArgumentError, "#{name}: #{value.inspect} is not true" if takes_none && value != true

        takes_none ? public_send(name) : public_send(name, value)
      end

      # @param router [Router]
      # @return [Boolean] whether the request is treated as expected
      # @api private
      def matches?(router)
        unless router.respond_to?(:explain)
          raise ArgumentError, "#{router.inspect} is no router: write Proxy::Router.load(\"Proxyfile\")"
        end

        @found = router.explain(@request, **@options)
        holds?(@found) && @facts.all? { |fact| fact.holds.call(@found) }
      end

      # @return [String] why {#matches?} was false, with the whole way of the request
      # @api private
      def failure_message
        "expected the proxy to #{description}\nbut #{difference}\n\n#{indented(@found.to_s)}"
      end

      # @return [String] why {#matches?} should have been false
      # @api private
      def failure_message_when_negated
        "expected the proxy not to #{description}\nbut #{@found.summary}\n\n#{indented(@found.to_s)}"
      end

      # @return [String] such as `route GET /users to "app"`
      # @api private
      def description
        [phrase.sub("REQUEST", asked), *@facts.map(&:phrase)].join(" ")
      end

      private

      # The request in words.
      def asked
        request = @request.match?(/\A\S+\z/) ? "GET #{@request}" : @request
        [request, ("from #{@options[:from]}" if @options[:from]),
         *@options[:headers]&.map { |name, value| "with #{name}: #{Array(value).join(", ")}" }].compact.join(" ")
      end

      # Adds a fact that is one value: what the block reads from an explanation must be `expected`.
      def expect(phrase, expected, &read)
        add("#{phrase} #{show(expected)}", ->(found) { same?(expected, read.call(found)) })
      end

      def add(phrase, holds, found = nil)
        @facts << Fact.new(phrase, holds, found)
        self
      end

      def same?(expected, actual)
        expected === actual || expected == actual
      end

      # Every expected name with its value; others may be there too.
      def include?(expected, actual)
        expected.all? { |name, value| same?(value, actual[name]) }
      end

      def difference
        wrong = holds?(@found) ? @facts.reject { |fact| fact.holds.call(@found) } : []
        [@found.summary, *wrong.filter_map { |fact| fact.found&.call(@found) }].join(", ")
      end

      def show(value)
        return value.map { |one| show(one) }.join(", ") if value.is_a?(Array)

        value.respond_to?(:description) ? value.description : value.inspect
      end

      def indented(text) = text.gsub(/^(?=.)/, "  ")
    end
  end
end

require_relative "expectation/route"
require_relative "expectation/redirect"
require_relative "expectation/answer"
require_relative "expectation/limit"
