# frozen_string_literal: true

module Proxy
  module Testing
    class Expectation
      # A request that a `rate_limit` counts. With several limits, one of them must have all the facts.
      #
      # @example
      #   limit("POST /login").to(10).per(60).by(:address)
      class Limit < Expectation
        # Options of `rate_limit`, each with the phrase before and behind its value.
        PHRASES = { requests: ["to", "requests"], seconds: ["per", "s"], key: ["by", nil] }.freeze
        private_constant :PHRASES

        # @api private
        def initialize(...)
          super
          @options_of_limit = {}
        end

        # @param requests [Integer] how many requests may pass
        # @return [self]
        # @example
        #   limit("POST /login").to(10).per(60)
        def to(requests) = option(:requests, requests)

        # @param seconds [Numeric] the length of the span
        # @return [self]
        # @example
        #   limit("POST /login").to(10).per(60)
        def per(seconds) = option(:seconds, seconds)

        # @param key [Symbol, String, Hash] what is counted together, as it is written for `rate_limit`
        # @return [self]
        # @example
        #   limit("GET /api/users").by(header: "X-Api-Key")
        def by(key) = option(:key, key.is_a?(Symbol) ? key.to_s : key)

        # @return [String]
        # @api private
        def description
          [super, *@options_of_limit.map { |name, value| told(name, value) }].join(" ")
        end

        private

        def phrase = "limit REQUEST"

        def holds?(found)
          found.limits.any? { |limit| include?(@options_of_limit, limit) }
        end

        def option(name, value)
          @options_of_limit[name] = value
          self
        end

        def told(name, value)
          before, behind = PHRASES.fetch(name)
          value = value.to_i if value.is_a?(Float) && value == value.to_i
          shown = value.is_a?(Hash) ? value.map { |pair| pair.join(" ") }.join : show(value).delete('"')
          [before, shown, behind].compact.join(" ")
        end

        def difference
          limits = @found.limits.map { |limit| limit.map { |name, value| told(name, value) }.join(" ") }
          "#{@found.summary}, #{limits.empty? ? "and no limit counts it" : "limited #{limits.join(" and ")}"}"
        end
      end
    end
  end
end
