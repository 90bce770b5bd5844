# frozen_string_literal: true

require_relative "channel"

module Proxy
  module Puma
    # The process that serves. Its keeper tells it which workers accept requests, and when to stop.
    # @api private
    class Front
      # Seconds between two looks whether requests in flight have ended.
      LOOK = 0.02
      # Seconds that requests may take when Puma has ended.
      LAST = 1
      private_constant :LOOK, :LAST

      # `up` are the workers that accept requests now.
      def initialize(channel, recording, sockets, listening, logs, up)
        @logs = logs
        @channel = channel
        @recording = recording
        @sockets = sockets
        @listening = listening
        @up = up
      end

      # Serves until the keeper says stop or is gone.
      def run
        signals
        @logs.open
        server = start or return
        obey(server)
        server.stop(timeout: LAST) unless @stopping
        @stopping&.join
      end

      private

      # The terminal's Ctrl-C and hang-up reach the whole process group: Puma decides what they mean.
      def signals
        %w[INT HUP QUIT USR2 TTIN TTOU].each { |name| Signal.trap(name, "IGNORE") }
        Signal.trap("TERM") { Thread.new { stop(nil) } }
        Signal.trap("USR1") { Thread.new { reopen } }
      end

      def start
        @recording.target.backends = @sockets.backends(@up)
        @server = Server.start(@recording.read.validate!)
        # The engine has copies.
        @listening.close
        @channel.tell("serving")
        @server
      rescue Error => error
        warn error.message
        @channel.tell("failed")
        nil
      end

      def obey(server)
        @channel.each do |order, *words|
          case order
          when "up" then change(server, @up | [words.first.to_i])
          when "down"
            change(server, @up - [words.first.to_i])
            @channel.tell("down", *words)
          when "reopen" then reopen
          when "retire" then retire(server)
          when "stop" then stop(words.first&.to_f)
          when "end" then break
          end
        end
      end

      def reopen
        @logs.open
        @server&.reopen_logs
      end

      # Sends requests to these workers from now on. Those of a worker that is not among them finish there.
      def change(server, up)
        return if up == @up

        @up = up
        server.set_backends(UPSTREAM, @sockets.backends(up).map { |backend| backend.transform_keys(&:to_sym) })
      end

      # Another front has taken over: what waits here goes to whichever worker comes.
      def retire(server)
        change(server, (0...@sockets.workers).to_a | @up)
        stop(nil)
      end

      # Takes no new connections. Says `quiet` as soon as only tunnels and event streams are left, and ends with them.
      def stop(limit)
        return if @stopping

        @stopping = Thread.new do
          @server.stop(timeout: limit)
          @channel.tell("quiet")
          @channel.tell("stopped")
          # The thread that reads orders waits for the keeper, which closes the channel now.
        end
        Thread.new do
          sleep LOOK until quiet?
          @channel.tell("quiet")
        end
      end

      def quiet?
        requests = @server.stats[:requests]
        requests[:in_flight] <= requests[:tunnels] + requests[:event_streams]
      end
    end
  end
end
