# frozen_string_literal: true

require_relative "tunnel"

module Proxy
  module Rack
    # Reads a request's body from the server, and writes it to the engine, beside the thread that waits for the
    # response.
    # @api private
    class Pump
      PIECE = 64 * 1024
      private_constant :PIECE

      # Starts a pump for a body that must be read; nil for others.
      def self.start(body, engine)
        new(body, engine).tap(&:start) if body.stream?
      end

      # @return [Exception, nil] what the server raised, for example because the client has gone
      attr_reader :error

      def initialize(body, engine)
        @input = body.input
        @left = body.length
        @engine = engine
        @short = false
      end

      def start
        @input.rewind if @input.respond_to?(:rewind)
        @work = Tunnel.background { run }
      end

      # Whether the body had fewer bytes than were announced.
      def short? = @short

      # Ends it. The rest of the body is the server's.
      def stop
        @work.kill if @work.respond_to?(:kill) && @error.nil? && !@short
        @work.join
      end

      private

      def run
        @left ? run_length : run_chunks
      rescue StandardError => error
        @error = error
        end_early
      end

      def run_length
        while @left.positive?
          piece = @input.read([PIECE, @left].min)
          if piece.nil? || piece.empty?
            @short = true
            return end_early
          end

          write(piece) or return
          @left -= piece.bytesize
        end
      end

      def run_chunks
        while (piece = @input.read(PIECE))
          next if piece.empty?

          write(piece.bytesize.to_s(16), "\r\n", piece, "\r\n") or return
        end
        write("0\r\n\r\n")
      end

      # False if the engine has answered already, and wants no more of the body.
      def write(*pieces)
        @engine.write(*pieces)
        true
      rescue SystemCallError, IOError
        false
      end

      # Makes the engine give the request up.
      def end_early
        @engine.close_write
      rescue SystemCallError, IOError
        nil
      end
    end
  end
end
