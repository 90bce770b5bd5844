# frozen_string_literal: true

require_relative "native"
require_relative "application/exchange"

module Proxy
  # A Rack application that `run` mounts, with the threads that call it. The engine hands each request over as a
  # connected socket, through an inbox that is known to both by its id.
  # @api private
  class Application
    # The process ends: threads that end now are not replaced.
    @leaving = false

    class << self
      # Whether the process ends.
      def leaving? = @leaving

      # Notes the end of the process once it begins, before Ruby ends its threads.
      def watch_exit
        return if @watching

        @watching = true
        at_exit { @leaving = true }
      end

      # Opens the applications of a configuration for the block, which starts or reloads the engine; closes them if it
      # fails.
      def open(applications)
        applications.each(&:open)
        done = false
        result = yield
        done = true
        result
      ensure
        applications.each(&:close) unless done
      end
    end

    # The place of a request in the inbox.
    Place = Struct.new(:inbox, :number) do
      # The thread is free for another request.
      def leave = inbox.leave(number)

      # The request is over.
      def done = inbox.done(number)

      # Logs a failure.
      def failed(request_id, message) = inbox.failed(number, request_id, message)
    end
    private_constant :Place

    # @return [Integer] the id of the inbox
    attr_reader :id
    # @return [String] the name in logs and figures
    attr_reader :name

    # `prefix` is the path that the application is mounted at; empty for the root.
    def initialize(app, name:, threads:, prefix: "")
      @id = Native::Inbox.new_id
      @app = app
      @name = name
      @count = threads
      @prefix = prefix
      @threads = []
    end

    # @return [String] without the application, which may hold secrets
    def inspect
      "#<#{self.class} #{name}>"
    end

    # Opens the inbox and starts the threads.
    def open
      Application.watch_exit
      @killed = false
      @inbox = Native::Inbox.open(id)
      @threads = Array.new(@count) { |index| start(index) }
    end

    # Lets no more requests in. Each thread ends after its request.
    def close
      @inbox&.close
    end

    # Whether a thread runs.
    def alive?
      @threads.any?(&:alive?)
    end

    # Waits for the end of the threads, at most until `deadline` (of the monotonic clock). Returns whether they ended.
    def join(deadline)
      @threads.all? do |thread|
        left = [deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC), 0].max
        thread == Thread.current || thread.join(left)
      end
    end

    # Ends the threads in the middle of what they do; see {#join} for what then counts as their end.
    def kill
      @inbox&.close
      @killed = true
      @threads.each(&:kill)
    end

    private

    def start(index)
      thread = Thread.new { work(index) }
      thread.name = "proxy app #{index + 1}"
      thread.report_on_exception = false
      # Puma warns of threads that were there before it forks, but not of these.
      thread.thread_variable_set(:fork_safe, true)
      thread
    end

    # Serves requests until no more come. A thread that ends otherwise, as by `exit` in an application, is replaced.
    def work(index)
      finished = false
      pid = Process.pid
      while (descriptor, number = @inbox.take)
        serve(descriptor, number)
      end
      finished = true
    rescue Exception # rubocop:disable Lint/RescueException
      # It was logged. An `exit` ends no more than this thread, but ends a process that the application has forked.
      raise if pid != Process.pid
    ensure
      @threads[index] = start(index) unless finished || @killed || Application.leaving? || pid != Process.pid
    end

    def serve(descriptor, number)
      Exchange.new(descriptor, @app, @prefix, Place.new(@inbox, number)).perform
    end
  end
end
