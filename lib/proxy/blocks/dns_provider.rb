# frozen_string_literal: true

require_relative "dns_record"
require_relative "failure"

module Proxy
  class Blocks
    # A user's object or block that writes TXT records, as the engine calls it.
    # @api private
    class DnsProvider
      def initialize(object)
        @object = object
        @has_methods = object.respond_to?(:add) && object.respond_to?(:remove)
      end

      # Returns nil, or what went wrong. false is a failure, too: `system` returns it if its program fails.
      def call(facts, _call)
        record = DnsRecord.new(facts)
        "returned false" if write(record) == false
      rescue *Failure::ANSWERS => error
        Failure.message(error)
      end

      private

      def write(record)
        return @object.call(record) unless @has_methods

        record.add? ? @object.add(record.name, record.value) : @object.remove(record.name, record.value)
      end
    end
  end
end
