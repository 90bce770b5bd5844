# frozen_string_literal: true

module Proxy
  class Blocks
    # A TXT record that a block of `dns:` must add or remove. It is frozen.
    #
    # @example
    #   acme email: "ops@example.com", dns: ->(record) do
    #     record.add? ? Zone.add(record.name, record.value) : Zone.remove(record.name, record.value)
    #   end
    class DnsRecord
      # @return [String] full name of the record, without a dot at its end
      # @example
      #   record.name  # => "_acme-challenge.example.com"
      attr_reader :name
      # @return [String] text of the record
      # @example
      #   record.value  # => "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
      attr_reader :value

      # `facts` are those that the engine tells.
      # @api private
      def initialize(facts)
        @op, @name, @value = facts.values_at("op", "name", "value").each(&:freeze)
        freeze
      end

      # @return [Boolean] whether the record must be added, beside others of the same name
      # @example
      #   record.add?  # => true
      def add? = @op == "add"

      # @return [Boolean] whether the record with this value must be removed; others of the same name stay
      # @example
      #   record.remove?  # => false
      def remove? = !add?

      # @return [String]
      def inspect
        "#<#{self.class} #{@op} #{name} #{value.inspect}>"
      end
    end
  end
end
