# frozen_string_literal: true

require_relative "keeper"

module Proxy
  module Puma
    # Puma's side of the keeper: starts it, starts it anew if it dies, and ends it.
    # @api private
    class Supervisor
      # Seconds until the first front must serve.
      PATIENCE = 30
      # Seconds before a keeper that died is started anew, doubled up to the longest.
      PAUSE = 0.1
      LONGEST_PAUSE = 30
      # Seconds for the end of the keeper.
      LAST = 10
      private_constant :PATIENCE, :PAUSE, :LONGEST_PAUSE, :LAST

      # @return [Channel] to the keeper
      attr_reader :channel
      # @return [Integer] the keeper's process
      attr_reader :pid
      # @return [String] the socket where workers reach the keeper
      attr_reader :path

      # The block logs a line.
      def initialize(path, recording, sockets, listening, logs, &log)
        @logs = logs
        @path = path
        @control = UNIXServer.new(path)
        @recording = recording
        @sockets = sockets
        @listening = listening
        @log = log
        @answers = Thread::Queue.new
        @puma = Process.pid
      end

      # Starts the keeper. Returns whether its front serves.
      def start
        fork_keeper
        watch
        return @served = true if wait_for("serving", PATIENCE)

        @stopping = true
        finish("end")
        false
      end

      # Lets the front finish its requests, and take no new ones. Returns when none is left, or after its time limit.
      def drain
        return if @stopping

        @stopping = true
        @channel.tell("stop")
        @listening.close
        wait_for("quiet", nil)
      end

      # Lets the front open its log files anew. Safe in a signal handler.
      def reopen
        @channel.tell("reopen")
      end

      # Ends the front and the keeper. Safe in a signal handler.
      def stop
        return unless Process.pid == @puma

        @stopping = true
        finish("end")
        File.unlink(@path) if File.socket?(@path)
      end

      # Closes what belongs to the master alone, in a worker.
      def leave
        @listening.close
        @channel.close
        @control.close unless @control.closed?
      end

      private

      def fork_keeper
        @channel&.close
        @channel, theirs = Channel.pair
        @pid = fork { keep(theirs) }
        theirs.close
      end

      # The keeper's process. It must not run `at_exit` blocks of the configuration or of the application.
      def keep(theirs)
        @channel.close
        Keeper.new(theirs, @control, @recording, @sockets, @listening, @logs, @puma).run
      rescue Exception => error # rubocop:disable Lint/RescueException
        warn "proxy: the keeper has failed: #{error.full_message(highlight: false)}"
      ensure
        exit!(0)
      end

      def watch
        @thread = Thread.new do
          pause = 0
          loop do
            @channel.each { |word, *| heard(word) }
            reap
            @answers << nil
            break if @stopping || !@served

            @log.call("! The keeper of the proxy has died, starting it again")
            sleep pause
            pause = [[pause * 2, PAUSE].max, LONGEST_PAUSE].min
            fork_keeper
          end
        end
        @thread.name = "proxy keeper"
        @thread.thread_variable_set(:fork_safe, true)
      end

      def heard(word)
        @log.call("! The front of the proxy has died, starting it again") if word == "lost"
        @answers << word
      end

      # Waits for a word of the keeper; false if it fails or ends, or after `limit` seconds.
      def wait_for(word, limit)
        waiting = Thread.new do
          loop do
            answer = @answers.pop
            break answer == word if [word, "failed", nil].include?(answer)
          end
        end
        waiting.thread_variable_set(:fork_safe, true)
        waiting.join(limit) ? waiting.value : false
      ensure
        waiting.kill
      end

      def reap
        Process.wait(@pid)
      rescue Errno::ECHILD
        nil
      end

      def finish(word)
        @channel.tell(word)
        limit = now + LAST
        sleep 0.01 while running? && now < limit
        Process.kill("KILL", @pid) if running?
      rescue Errno::ESRCH
        nil
      end

      # The thread that watches the keeper, or Puma, may have reaped it.
      def running?
        Process.wait(@pid, Process::WNOHANG).nil?
      rescue Errno::ECHILD
        false
      end

      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
