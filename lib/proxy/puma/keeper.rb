# frozen_string_literal: true

require_relative "front"

module Proxy
  module Puma
    # The process that starts the front, starts it anew if it dies, and tells it which workers accept requests. It is
    # forked before the application is loaded, so that a front never holds the application's connections.
    # @api private
    class Keeper
      # Shortest and longest time in seconds before the front is started anew. The first time it is started at once.
      PAUSE = 0.1
      LONGEST_PAUSE = 30
      # Seconds between two looks whether Puma is still the parent.
      LOOK = 1
      # Seconds after which a front that was told to end is killed.
      LAST = 5
      private_constant :PAUSE, :LONGEST_PAUSE, :LOOK, :LAST

      # `channel` leads to Puma, the process `puma`; `control` is a listening socket for workers.
      def initialize(channel, control, recording, sockets, listening, logs, puma)
        @logs = logs
        @channel = channel
        @control = control
        @recording = recording
        @sockets = sockets
        @listening = listening
        @puma = puma
        @workers = {}
      end

      # Keeps a front until Puma says stop or is gone. Called in the new process.
      def run
        signals
        Process.setproctitle("proxy keeper of puma #{@puma}")
        start_front
        work until @ended
        finish
      end

      private

      def signals
        %w[INT HUP QUIT USR1 USR2 TTIN TTOU].each { |name| Signal.trap(name, "IGNORE") }
        Signal.trap("CHLD", "DEFAULT")
        Signal.trap("TERM") { @front&.tell("stop") }
      end

      def start_front
        ours, theirs = Channel.pair
        @started = now
        @pid = fork { serve(ours, theirs) }
        theirs.close
        @front = ours
      end

      # The front's process. It must not run `at_exit` blocks of the configuration.
      def serve(ours, theirs)
        Process.setproctitle("proxy front of puma #{@puma}")
        [ours, @channel, @control, *@workers.keys].each(&:close)
        Front.new(theirs, @recording, @sockets, @listening, @logs, up).run
      rescue Exception => error # rubocop:disable Lint/RescueException
        warn "proxy: the front has failed: #{error.full_message(highlight: false)}"
      ensure
        exit!(0)
      end

      # Workers that accept requests.
      def up = @workers.values.select(&:last).map(&:first)

      def work
        start_front if @front.nil? && now >= @again
        ready, = IO.select([@channel, @control, @front, *@workers.keys].compact, nil, nil, pause)
        @ended = true if Process.ppid != @puma && !@retiring
        ready.to_a.each { |io| receive(io) }
      end

      def pause = @front ? LOOK : [@again - now, 0].max.clamp(0, LOOK)

      def receive(io)
        case io
        when @control then accept
        when @channel then from_puma
        when @front then from_front
        else from_worker(io)
        end
      end

      def accept
        socket = @control.accept_nonblock(exception: false)
        @workers[Channel.new(socket)] = [nil, false] if socket.is_a?(UNIXSocket)
      end

      def from_puma
        lines = @channel.read
        unless lines
          # After a restart a new keeper has taken over: the front ends when its requests have.
          @retiring ? forget_puma : @ended = true
          return
        end

        lines.each do |order, *words|
          @retiring = true if order == "retire"
          @stopping = true if %w[retire stop end].include?(order)
          @listening.close if @stopping
          @ended = true if order == "end"
          @front&.tell(order, *words)
          # Without a front nothing is in flight.
          %w[quiet stopped].each { |reply| @channel.tell(reply) } if @front.nil? && @stopping
        end
      end

      def forget_puma
        @channel = nil
        @ended = true unless @front
      end

      def from_front
        lines = @front.read
        return lost_front unless lines

        lines.each do |reply, *words|
          case reply
          when "down" then answer(words.first.to_i)
          when "stopped" then @ended = true
          end
          @serving = true if reply == "serving"
          @channel&.tell(reply, *words) unless reply == "down"
        end
      end

      # The front has died. A first death is repaired at once, later ones after pauses that grow.
      def lost_front
        reap
        @front.close
        @front = nil
        return @ended = true if @stopping || !@serving

        lived = now - @started
        @pause = lived > LONGEST_PAUSE ? nil : @pause
        @again = now + (@pause || 0)
        @pause = @pause ? [@pause * 2, LONGEST_PAUSE].min : PAUSE
        @channel.tell("lost")
        # Workers that wait for an answer need none of a front that is gone.
        @workers.each { |worker, (index, accepts)| worker.tell("down", index) unless accepts }
      end

      def from_worker(worker)
        lines = worker.read
        index, = @workers[worker]
        unless lines
          @workers.delete(worker).last && @front&.tell("down", index)
          return worker.close
        end

        lines.each do |state, number|
          index = number.to_i
          # Children of a worker that has died may keep its connection open: only the newest says what holds.
          @workers.transform_values! { |other, accepts| [other, accepts && other != index] }
          @workers[worker] = [index, state == "up"]
          @front ? @front.tell(state, index) : worker.tell("down", index)
        end
      end

      # The front sends this worker nothing new.
      def answer(index)
        @workers.each { |worker, (number, accepts)| worker.tell("down", index) if number == index && !accepts }
      end

      def finish
        @front&.tell("end")
        @front&.close unless @retiring
        limit = now + LAST
        sleep 0.02 while running? && now < limit
        Process.kill("KILL", @pid) if running?
      rescue Errno::ESRCH
        nil
      end

      def running?
        @pid && !Process.wait(@pid, Process::WNOHANG)
      rescue Errno::ECHILD
        false
      end

      def reap
        Process.wait(@pid)
      rescue Errno::ECHILD
        nil
      end

      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
