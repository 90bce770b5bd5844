# frozen_string_literal: true

module Proxy
  module Rack
    # The body of a response, read from the engine while the server sends it. A server closes it in the end, also when
    # its client has gone: the engine then gives the request up.
    # @api private
    class ResponseBody
      PIECE = 64 * 1024
      private_constant :PIECE

      # `length` is a number of bytes, `:chunked` or `:close`.
      def initialize(io, length, pump)
        @io = io
        @length = length
        @pump = pump
      end

      # Yields the pieces as they come. Raises if the response is cut short, so that the server cuts it short too.
      def each(&block)
        case @length
        when :chunked then each_chunk(&block)
        when :close then each_until_closed(&block)
        else each_of(@length, &block)
        end
      end

      def close
        @io.close
        @pump&.stop
      end

      private

      def each_of(left)
        while left.positive?
          piece = @io.readpartial([PIECE, left].min)
          left -= piece.bytesize
          yield piece
        end
      rescue EOFError, SystemCallError
        cut_short
      end

      def each_chunk(&block)
        loop do
          size = @io.gets("\r\n").to_s[/\A\h+/] or cut_short
          break if size.hex.zero?

          each_of(size.hex, &block)
          @io.gets("\r\n")
        end
        # Trailers, which Rack has no place for.
        while (line = @io.gets("\r\n")) && line != "\r\n"; end
      end

      # Servers close the connection on an EOFError. After any other error Puma writes a response with the status 500,
      # which the client would take for the rest of the body.
      def cut_short = raise(EOFError, "the response was cut short")

      def each_until_closed
        loop { yield @io.readpartial(PIECE) }
      rescue EOFError
        nil
      rescue SystemCallError
        cut_short
      end
    end
  end
end
