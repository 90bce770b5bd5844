# frozen_string_literal: true

require "socket"
require "io/wait"

module Proxy
  module Control
    # A connection for one request, with a time limit for each step.
    # @api private
    class Connection
      # What went wrong with it; its cause is the error of the system.
      class Broken < StandardError
      end

      # Bytes that are read at once.
      PIECE = 16_384
      # Bytes that a line may have: that of a header, or of the size of a chunk.
      LONGEST_LINE = 16_384
      # Seconds between two attempts to enter the full queue of a unix socket.
      AGAIN = 0.02
      private_constant :PIECE, :LONGEST_LINE, :AGAIN

      # Connects to the socket file at `path`, within `limit` seconds.
      def self.unix(path, limit)
        socket = Socket.new(:UNIX, :STREAM)
        deadline = clock + limit
        begin
          socket.connect_nonblock(Socket.sockaddr_un(short(path)))
        # Its queue is full: no event says when it is not any more.
        rescue Errno::EAGAIN
          raise Errno::ETIMEDOUT if clock > deadline

          sleep AGAIN
          retry
        end
        new(socket, limit)
      rescue SystemCallError, ArgumentError
        socket&.close
        raise Broken
      end

      # Connects to a port, within `limit` seconds.
      def self.tcp(host, port, limit)
        new(Socket.tcp(host, port, connect_timeout: limit), limit)
      rescue SystemCallError, SocketError
        raise Broken
      end

      # A path that the address of a socket has room for: from the working directory, if that is shorter.
      def self.short(path)
        whole = File.expand_path(path)
        below = whole.delete_prefix("#{Dir.pwd}/")
        below.bytesize < whole.bytesize ? below : path
      end
      private_class_method :short

      def self.clock = Process.clock_gettime(Process::CLOCK_MONOTONIC)

      # @return [Numeric, nil] seconds that each following step may take; nil for as long as it takes
      attr_accessor :limit

      def initialize(socket, limit)
        @socket = socket
        @limit = limit
        @read = +"".b
      end

      # Sends all of it.
      def write(text)
        until text.empty?
          written = @socket.write_nonblock(text, exception: false)
          next text = text.byteslice(written..) unless written == :wait_writable

          raise Errno::ETIMEDOUT unless @socket.wait_writable(@limit)
        end
      # It may have answered before it has read everything.
      rescue Errno::EPIPE
        nil
      rescue SystemCallError
        raise Broken
      end

      # The next line, without its end.
      def line
        until (ending = @read.index("\n"))
          raise Broken, "a line of its answer is too long" if @read.bytesize > LONGEST_LINE
          raise Broken unless fill
        end
        @read.slice!(0..ending).chomp
      end

      # So many bytes.
      def bytes(count)
        while @read.bytesize < count
          raise Broken unless fill
        end
        @read.slice!(0, count)
      end

      # What is there, at most `count` bytes; nil at the end.
      def some(count = nil)
        return if @read.empty? && !fill

        @read.slice!(0, count || @read.bytesize)
      end

      def close = @socket.close

      private

      # Whether there was more to read.
      def fill
        piece = @socket.read_nonblock(PIECE, exception: false)
        if piece == :wait_readable
          raise Errno::ETIMEDOUT unless @socket.wait_readable(@limit)

          return fill
        end
        @read << piece if piece
        !piece.nil?
      rescue SystemCallError
        raise Broken
      end
    end
  end
end
