# frozen_string_literal: true

require_relative "failure"

module Proxy
  class Blocks
    # A user's object that keeps values, as the engine calls it.
    # @api private
    class Storage
      def initialize(object)
        @object = object
      end

      # Returns what the object says, or a Hash with what went wrong.
      def call(facts, _call)
        op, key = facts.values_at("op", "key")
        case op
        when "load" then value(@object.load(key), key)
        when "list" then keys(@object.list(key), key)
        # Anything but nil and false is a lock that is held, such as the "OK" of a Redis.
        when "lock" then @object.lock(key, *facts.values_at("owner", "seconds")) ? true : false
        when "store" then @object.store(key, facts.fetch("value")) && nil
        when "delete" then @object.delete(key) && nil
        end
      rescue *Failure::ANSWERS => error
        { "error" => Failure.message(error) }
      end

      private

      def value(text, key)
        return text if text.nil?
        raise WrongAnswer, "load(#{key.inspect}) answered with #{DSL::Format.kind(text)}: answer nil or a String" \
          unless text.is_a?(String)

        utf8(text) or raise WrongAnswer, "load(#{key.inspect}) answered with bytes that are not valid UTF-8"
      end

      def keys(list, prefix)
        list = list.to_a if list.respond_to?(:to_a)
        return list.map { |key| utf8(key).to_s } if list.is_a?(Array) && list.all?(String)

        raise WrongAnswer, "list(#{prefix.inspect}) answered with what is no Array of Strings: answer keys"
      end

      def utf8(text)
        text = text.dup.force_encoding(Encoding::UTF_8)
        text if text.valid_encoding?
      end
    end
  end
end
