# frozen_string_literal: true

module Proxy
  class Application
    # What a streaming body of Rack 3 is called with: it reads the request's body, or what comes through a tunnel, and
    # writes the response's. The body closes it; until then the response lasts.
    class Stream
      def initialize(socket, input, chunked)
        @socket = socket
        @input = input
        @chunked = chunked
        @lock = Mutex.new
        @writable = @readable = true
      end

      # Like IO#read, but of a tunnel it returns what there is, at least one byte.
      def read(length = nil, buffer = nil)
        raise IOError, "not opened for reading" unless @readable
        return @input.read(*[length, buffer].take(buffer ? 2 : 1)) unless @input.equal?(@socket) && length

        buffer ? @socket.readpartial(length, buffer) : @socket.readpartial(length)
      rescue EOFError, SystemCallError
        nil
      end

      def readpartial(*arguments) = @input.readpartial(*arguments)

      # Returns the number of bytes.
      def write(*parts)
        parts = parts.map(&:to_s)
        size = parts.sum(&:bytesize)
        @lock.synchronize do
          raise IOError, "not opened for writing" unless @writable
          next if size.zero?

          parts = [size.to_s(16), "\r\n", *parts, "\r\n"] if @chunked
          @socket.write(*parts)
          # Ruby keeps back what has more parts than one system call takes.
          @socket.flush
        end
        size
      rescue SystemCallError
        raise Gone, "the client went away"
      end

      def <<(part)
        write(part)
        self
      end

      # Nothing is held back.
      def flush = self

      def close_read
        @readable = false
        nil
      end

      # Ends the response.
      def close_write
        @lock.synchronize do
          next unless @writable

          @writable = false
          @socket.write("0\r\n\r\n") if @chunked
          @socket.shutdown(Socket::SHUT_WR)
        end
        nil
      rescue SystemCallError, IOError
        nil
      end

      def close(_error = nil)
        close_read
        close_write
        @socket.close
        nil
      end

      def closed? = !@writable && !@readable

      # Ends the connection without the end of the response.
      def cut
        @readable = @writable = false
        @socket.shutdown
      rescue SystemCallError, IOError
        nil
      ensure
        @socket.close
      end
    end
    private_constant :Stream
  end
end
