# frozen_string_literal: true

require "json"

module Proxy
  module Control
    # Something that happened in a running proxy: the word for it, and the facts.
    #
    # @example
    #   control.events { |event| puts event.data[:address] if event.name == :backend }
    class Event
      # @return [Symbol] the word for it, such as `:backend`
      attr_reader :name
      # @return [Hash{Symbol => Object}] the facts
      attr_reader :data

      # @api private
      def initialize(name, data)
        @name = name
        @data = data
      end
    end

    # A reader of server-sent events (HTML standard, section 9.2.6) whose data is JSON.
    # @api private
    class EventReader
      # Bytes that an event may have.
      LARGEST = 16 * 1024 * 1024
      private_constant :LARGEST

      def initialize
        @text = +"".b
        @name = nil
        @data = []
      end

      # Takes the next bytes, and yields each event that they complete.
      def push(bytes)
        @text << bytes
        raise Failure, "an event of the proxy is too large" if @text.bytesize > LARGEST

        while (ending = @text.index(/\r\n|\n|\r(?=[^\n])/n))
          line = @text.slice!(0, ending)
          @text.sub!(/\A(?:\r\n|\n|\r)/n, "")
          event = take(line.force_encoding(Encoding::UTF_8).scrub)
          yield event if event
        end
      end

      private

      # An event, if the line completes one.
      def take(line)
        return complete if line.empty?

        field, value = line.split(":", 2)
        value = value.to_s.delete_prefix(" ")
        case field
        when "event" then @name = value
        when "data" then @data << value
        end
        nil
      end

      def complete
        name, data = @name, @data.join("\n")
        @name = nil
        @data = []
        return if data.empty?

        Event.new((name || "message").to_sym, JSON.parse(data, symbolize_names: true))
      rescue JSON::ParserError
        raise Failure, "an event of the proxy is no JSON"
      end
    end
  end
end
