# frozen_string_literal: true

module Proxy
  module CLI
    # Standard output and standard error of a command that serves. Lines wait in a queue for a thread that prints them,
    # so that a closed, full, broken or unread output blocks nothing. Lines that find no room or cannot be printed are
    # counted, and the number is printed once printing works again.
    # @api private
    class Console
      def initialize(out, err)
        @out = Lane.new(out)
        # Lines for one output keep their order, even if both streams are that output.
        @err = same?(out, err) ? @out.beside(err) : Lane.new(err)
      end

      # Prints lines on standard output.
      def say(*lines) = @out.push(lines)

      # Prints lines on standard error.
      def complain(*lines) = @err.push(lines)

      # Waits until everything is printed, for at most `limit` seconds.
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
        # Maximum number of lines that wait.
        ROOM = 1000

        def initialize(io, queue = Queue.new)
          @io = io
          @queue = queue
        end

        # A lane for another output that shares this lane's queue, so that the order of lines is kept.
        def beside(io) = Lane.new(io, @queue)

        def push(lines)
          lines.each { |line| @queue.push(@io, line) }
        end

        def flush(limit) = @queue.flush(limit)
      end

      # Lines that wait to be printed.
      class Queue
        def initialize
          @lines = Thread::Queue.new
          @lost = 0
        end

        def push(io, line)
          # A forked process does not have the thread of its parent.
          @thread = Thread.new { print_all } unless @thread&.alive?
          @lines.length < Lane::ROOM ? @lines << [io, "#{line}\n"] : @lost += 1
        end

        # Whether everything was printed within `limit` seconds.
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

        # `sync`, so that nothing stays in Ruby's buffer: Ruby would write it at the end of the process and could block
        # there.
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
