# frozen_string_literal: true

module Proxy
  module CLI
    # Standard output and standard error of a command that serves. What is said waits in a queue for a thread that
    # prints it, so that neither a closed, full or broken output nor one that nobody reads holds anything up. Lines that
    # find no room or cannot be printed are counted, and the number is printed once printing works again.
    # @api private
    class Console
      def initialize(out, err)
        @out = Lane.new(out)
        # Lines for the same place keep their order.
        @err = same?(out, err) ? @out.beside(err) : Lane.new(err)
      end

      # Says lines on standard output.
      def say(*lines) = @out.push(lines)

      # Says lines on standard error.
      def complain(*lines) = @err.push(lines)

      # Waits until everything is printed, no longer than so many seconds.
      def flush(limit)
        deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
        [@out, @err].all? { |lane| lane.flush([deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC), 0].max) }
      end

      private

      def same?(out, err)
        return true if out.equal?(err)

        [out, err].map { |io| io.stat.then { |stat| [stat.dev, stat.ino] } }.uniq.one?
      rescue SystemCallError, IOError, NoMethodError
        false
      end

      # A queue with a thread at its end.
      class Lane
        # Lines that may wait.
        ROOM = 1000

        def initialize(io, queue = Queue.new)
          @io = io
          @queue = queue
        end

        # Another one whose lines are printed in turn with those of this one.
        def beside(io) = Lane.new(io, @queue)

        def push(lines)
          lines.each { |line| @queue.push(@io, line) }
        end

        def flush(limit) = @queue.flush(limit)
      end

      # What waits to be printed.
      class Queue
        def initialize
          @lines = Thread::Queue.new
          @lost = 0
        end

        def push(io, line)
          # A process that was forked since has no such thread.
          @thread = Thread.new { print_all } unless @thread&.alive?
          @lines.length < Lane::ROOM ? @lines << [io, "#{line}\n"] : @lost += 1
        end

        # Whether everything was printed within so many seconds.
        def flush(limit)
          return true unless @thread&.alive?

          reply = Thread::Queue.new
          @lines << [nil, reply]
          waiting = Thread.new { reply.pop }
          !waiting.join(limit).nil?
        ensure
          waiting&.kill
        end

        private

        def print_all
          Thread.current.name = "proxy-console"
          loop do
            io, text = @lines.pop
            io ? print(io, text) : text << true
          end
        end

        # `sync`, so that nothing is left in a buffer of Ruby's, which would be written when the process ends, however
        # long that takes.
        def print(io, text)
          lost = @lost
          io.sync = true
          io.write(lost.zero? ? text : "#{text}#{lost} lines are missing here: they could not be printed\n")
          @lost -= lost
        rescue SystemCallError, IOError, NoMethodError
          @lost += 1
        end
      end
      private_constant :Lane, :Queue
    end
  end
end
