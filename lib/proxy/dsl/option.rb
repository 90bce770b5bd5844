# frozen_string_literal: true

require_relative "defaults"

module Proxy
  class DSL
    # One option: its name, what it may be, what it means, and what holds without it.
    # @api private
    class Option
      attr_reader :name, :type, :prose, :aliases

      # `of` is the {Schema} that the option was written for. `default` is prose for "not set"; without it, the engine's
      # value is shown. `unset: true`: nil is the same as leaving the option out.
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

      # The same option with other facts, where something else holds for it.
      def with(**facts)
        return self if facts.empty?

        facts = { of: @of, default: @default, required: @required, aliases: aliases, unset: @unset, **facts }
        Option.new(name, type, prose, **facts)
      end

      def required?
        @required
      end

      # Whether the value stands for nothing.
      def unset?(value)
        value.nil? && @unset
      end

      # The default as tables and `proxy help` show it.
      def default
        return "required" if required?

        @default || Defaults.shown(Defaults.option(@of.engine_name, name), type)
      end

      # The option and its other names as keywords of a method, in RBS.
      def keywords
        return [name, *aliases].map { |keyword| "#{keyword}: #{type.signature}" } if required?

        plain = type.signature.match?(/\A\w+\z/) ? type.signature : "(#{type.signature})"
        [name, *aliases].map { |keyword| "?#{keyword}: #{@unset ? "#{plain}?" : type.signature}" }
      end
    end
  end
end
