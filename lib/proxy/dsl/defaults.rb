# frozen_string_literal: true

module Proxy
  class DSL
    # The engine's defaults for options and directives.
    # @api private
    module Defaults
      # Smallest number that is written in groups of three digits.
      GROUPED = 10_000
      private_constant :GROUPED

      # The default of an option. `owner` (a word or a Hash) and `name` are the engine's names.
      def self.option(owner, name)
        all.fetch(owner).fetch(name)
      end

      # The default of a directive of the server.
      def self.setting(name)
        value = option(:server, name)
        value.is_a?(Hash) ? value.fetch(:value) : value
      end

      # A value as it is written in a Proxyfile for a type, in backticks.
      def self.shown(value, type)
        "`#{written(value, type)}`"
      end

      def self.all
        @all ||= Native.defaults
      end
      private_class_method :all

      def self.written(value, type)
        case value
        in [] then type.label == "Hash" ? "{}" : "[]"
        in [String => only] then only
        in [[Integer => first, Integer => last]] then "#{first}..#{last}"
        in Hash then value.fetch("named")
        in "" then '""'
        in Float if value == value.to_i then written(value.to_i, type)
        in Integer if value >= GROUPED then Syntax.number_of(value)
        in Numeric | String | true | false then value.to_s
        end
      end
      private_class_method :written
    end
  end
end
