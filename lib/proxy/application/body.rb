# frozen_string_literal: true

module Proxy
  class Application
    # The body of a request, piece by piece.
    class Body
      # Bytes that are read at once.
      MOST = 64 * 1024
      private_constant :MOST

      # Appends bytes that the socket has, and waits for the first one. Raises {Gone} at the end.
      def self.read_more(socket, data)
        data << socket.readpartial(MOST)
      rescue EOFError, SystemCallError
        raise Gone, "the client went away"
      end

      # `data` are the first bytes, `length` is that of the whole body; nil if it comes in chunks.
      def initialize(socket, data, length)
        @socket = socket
        @data = data
        @left = length || 0
        @chunked = length.nil?
        @over = length&.zero?
      end

      # Whether all of it was read.
      def over? = @over

      # The next bytes, at least one; nil at the end.
      def next
        return if @over

        begin_chunk if @chunked && @left.zero?
        return if @over

        more if @data.empty?
        piece = @data.slice!(0, @left)
        @left -= piece.bytesize
        @chunked ? end_chunk : @over = @left.zero?
        piece
      end

      private

      def more = Body.read_more(@socket, @data)

      def line
        more until (length = @data.index("\r\n"))
        @data.slice!(0, length + 2)
      end

      def begin_chunk
        @left = line.to_i(16)
        return unless @left.zero?

        # Trailers: fields that come late are not believed.
        nil until line == "\r\n"
        @over = true
      end

      def end_chunk
        line if @left.zero?
      end
    end
    private_constant :Body
  end
end
