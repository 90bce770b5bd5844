# frozen_string_literal: true

module Proxy
  module Rack
    # Copies bytes in both directions between a client's connection and the engine.
    # @api private
    module Tunnel
      PIECE = 64 * 1024
      private_constant :PIECE

      class << self
        # Copies in the background, until both sides have ended. Returns at once.
        def start(client, engine)
          background { run(client, engine) }
        end

        # Copies until the engine's side has ended.
        def run(client, engine)
          upward = background { engine.close unless copy(client, engine) { engine.close_write } }
          copy(engine, client) { nil }
        ensure
          engine.close
          client.close
          upward&.join
        end

        # Runs the block beside the caller: in a fiber if the server has a scheduler of fibers, else in a thread.
        def background(&block)
          return Joinable.new(Fiber.schedule(&block)) if Fiber.scheduler

          Thread.new(&block).tap { |thread| thread.report_on_exception = false }
        end

        private

        # Copies until `from` has ended its side, and then yields. False if one of the two is gone.
        def copy(from, to)
          loop do
            to.write(from.readpartial(PIECE))
            to.flush if to.respond_to?(:flush)
          end
        rescue EOFError
          yield
          true
        rescue SystemCallError, IOError
          false
        end
      end

      # A fiber that nobody has to wait for: it ends with the connections.
      Joinable = Struct.new(:fiber) do
        def join = nil
      end
      private_constant :Joinable
    end
  end
end
