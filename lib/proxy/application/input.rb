# frozen_string_literal: true

module Proxy
  class Application
    # `rack.input` of a large body in Rack 3: it is read while it comes, and only once.
    class Input
      # `start` are bytes that were read before.
      def initialize(body, start)
        @body = body
        @data = start
      end

      # Like IO#read.
      def read(length = nil, buffer = nil)
        fill until length ? @data.bytesize >= length || @body.over? : @body.over?
        found = length ? @data.slice!(0, length) : @data.slice!(0, @data.bytesize)
        found = nil if length&.positive? && found.empty?
        return found unless buffer

        buffer.replace(found || "")
        found && buffer
      end

      # The next line; nil at the end.
      def gets
        fill until (length = @data.index("\n")) || @body.over?
        line = @data.slice!(0, length ? length + 1 : @data.bytesize)
        line unless line.empty?
      end

      # Calls the block with each line.
      def each
        while (line = gets)
          yield line
        end
        self
      end

      # What comes is not read any more.
      def close
        @closed = true
        nil
      end

      def closed? = @closed ? true : false

      # Whether all of it was read.
      def eof?
        fill while @data.empty? && !@body.over?
        @data.empty?
      end

      def external_encoding = Encoding::BINARY

      def binmode = self

      def binmode? = true

      # At least one byte of what comes next; nil at the end.
      def readpartial(length, buffer = nil)
        raise EOFError, "end of file reached" if eof?

        found = @data.slice!(0, length)
        buffer ? buffer.replace(found) : found
      end

      private

      def fill
        raise IOError, "closed stream" if @closed

        piece = @body.next
        @data << piece if piece
      end
    end
    private_constant :Input
  end
end
