# frozen_string_literal: true

module Proxy
  module Puma
    # A socket between two processes that carries lines of words, such as `up 3`. It takes no lock, so that it works in
    # signal handlers, and a peer that is gone is no error.
    # @api private
    class Channel
      # Two connected channels.
      def self.pair
        UNIXSocket.pair.map { |socket| new(socket) }
      end

      # @return [UNIXSocket]
      attr_reader :io
      alias to_io io

      def initialize(io)
        @io = io
        @buffer = +""
      end

      # Sends a line.
      def tell(*words)
        @io.syswrite("#{words.join(" ")}\n")
      rescue SystemCallError, IOError
        nil
      end

      # The lines that have arrived, as Arrays of words; nil when the peer is gone. Waits for the first byte.
      def read
        @buffer << @io.readpartial(4096)
        *lines, @buffer = @buffer.split("\n", -1)
        lines.map(&:split)
      rescue SystemCallError, IOError
        nil
      end

      # Calls the block for each line, until the peer is gone.
      def each
        while (lines = read)
          lines.each { |words| yield words }
        end
      end

      def close
        @io.close
      rescue SystemCallError, IOError
        nil
      end
    end
  end
end
