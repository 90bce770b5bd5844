# frozen_string_literal: true

require_relative "channel"

module Proxy
  module Puma
    # A worker of Puma's cluster, seen from inside: it tells the keeper when it accepts requests and before it ends.
    # @api private
    class Worker
      # Longest time in seconds that a worker waits, before it ends, until it gets nothing new.
      PATIENCE = 2
      # Seconds until the keeper is looked for again after it has died.
      PAUSE = 0.2
      private_constant :PATIENCE, :PAUSE

      def initialize(path, index)
        @path = path
        @index = index
        @state = "down"
        @pid = Process.pid
        @answers = Thread::Queue.new
        connect
        @listener = Thread.new { listen }
        @listener.name = "proxy worker"
        @listener.thread_variable_set(:fork_safe, true)
      end

      # Follows the state of Puma's server in this process.
      def state(name)
        return unless Process.pid == @pid

        case name
        when :booting then nil
        when :running
          tell("up")
          trap_term
        else tell("down")
        end
      end

      # Forgets the connection in a process that was forked from this worker (`fork_worker`).
      def forget
        @channel&.close
      end

      private

      def tell(state)
        @state = state
        @channel&.tell(state, @index)
      end

      def connect
        @channel = Channel.new(UNIXSocket.new(@path))
        tell(@state)
      rescue SystemCallError
        @channel = nil
      end

      # Waits for answers, and connects again after the keeper has died and come back.
      def listen
        loop do
          @channel&.each { |answer| @answers << answer }
          @answers << nil
          sleep PAUSE
          connect
        end
      end

      # Lets the signal that ends a worker wait until the front sends it nothing new: what comes later would be lost in
      # a socket that nobody accepts from. Puma has set its own handler before.
      def trap_term
        return if @trapped

        @trapped = true
        before = Signal.trap("TERM") { |number| leave(before, number) }
      end

      def leave(before, number)
        return before.call(number) if @left
        return if @leaving

        @leaving = true
        Thread.new do
          @answers.clear
          tell("down")
          answered
          @left = true
          before.call(number)
        end
      end

      def answered
        waiting = Thread.new { @answers.pop }
        waiting.join(PATIENCE)
        waiting.kill
      end
    end
  end
end
