# frozen_string_literal: true

require_relative "defaults"

module Proxy
  class DSL
    # One option: name, type, meaning and default.
    # @api private
    class Option
      attr_reader :name, :type, :prose, :aliases

      # `of` is the {Schema} that declares the option. `default` is the documentation's text for "not set"; without it,
      # the engine's value is shown. `unset: true`: nil means that the option is left out.
      def initialize(name, type, prose, of:, default: nil, required: false, aliases: [], unset: false)
        @name = name
        @type = type
        @prose = Schema.joined(prose)
        @of = of
        @default = default
        @required = required
        @aliases = aliases.freeze
        @unset = unset
        freeze
      end

      # A copy of the option with some facts changed, for another {Schema}.
      def with(**facts)
        return self if facts.empty?

        facts = { of: @of, default: @default, required: @required, aliases: aliases, unset: @unset, **facts }
        Option.new(name, type, prose, **facts)
      end

      def required?
        @required
      end

      # Whether the value means that the option is left out.
      def unset?(value)
        value.nil? && @unset
      end

      # The default as text for tables and `proxy help`.
      def default
        return "required" if required?

        @default || Defaults.shown(Defaults.option(@of.engine_name, name), type)
      end

      # The option and its aliases as keyword arguments of a method, in RBS.
      def keywords
        return [name, *aliases].map { |keyword| "#{keyword}: #{type.signature}" } if required?

        plain = type.signature.match?(/\A\w+\z/) ? type.signature : "(#{type.signature})"
        [name, *aliases].map { |keyword| "?#{keyword}: #{@unset ? "#{plain}?" : type.signature}" }
      end
    end
  end
end
