# frozen_string_literal: true

require_relative "native"
require_relative "blocks/failure"

module Proxy
  # The Ruby blocks of a server's configuration (`authorize`, `on`, …), and the threads that run them.
  #
  # The engine knows blocks only by numbers and never waits for Ruby: a call goes into a queue, and a thread named
  # `proxy block 1`, `proxy block 2`, … takes it from there. A server whose configuration has no block has no such
  # thread. There is always one more than calls that run, up to what the blocks' `threads` allow together.
  #
  # A block that takes too long is never ended from outside: its thread goes on, and the request that asked is answered
  # without it.
  class Blocks
    # Exceptions of a block that do not end its thread.
    FAILURES = [StandardError, ScriptError, SystemStackError].freeze
    private_constant :FAILURES

    # The name of the thread variable that has the Blocks whose block a thread runs.
    CURRENT = :proxy_blocks
    private_constant :CURRENT

    @around = nil

    class << self
      # @return [#call, nil] in which every call of a block runs: it is called with a block that it must call. Default:
      #   none
      # @example under Rails, so that database connections are given back and code is reloaded
      #   Proxy::Blocks.around = Rails.application.executor.method(:wrap)
      attr_accessor :around
    end

    # @api private
    def initialize
      @native = Native::Blocks.new
      @sets = {}
      @started = 0
    end

    # Takes the blocks of a configuration, and sees to it that a thread waits for calls. Returns what the engine takes;
    # nil if there are no blocks.
    # @api private
    def take(blocks)
      return if blocks.empty?

      number, set = @native.set
      @sets[number] = blocks
      add_thread
      set
    end

    # Waits until no block runs and none is waiting to run, but for the one that calls this, then gives up what waits.
    # Whatever still runs then goes on.
    # @api private
    def finish(seconds)
      own = Thread.current.thread_variable_get(CURRENT).equal?(self) ? 1 : 0
      @native.wait_until_quiet(own, seconds)
    ensure
      @native.close
    end

    # @return [String] without the blocks, whose surroundings may hold secrets
    def inspect
      "#<#{self.class}>"
    end

    private

    # Starts a thread, if none waits. It takes the place of one that ended, too.
    def add_thread
      return unless @native.promise

      begin
        Thread.new { serve }
      rescue ThreadError
        # The system gives no thread, or the process ends. The thread that works now takes the next call later.
        @native.break_promise
      end
    end

    def serve
      promised = true
      thread = Thread.current
      thread.name = "proxy block #{@started += 1}"
      thread.thread_variable_set(:fork_safe, true)
      thread.thread_variable_set(CURRENT, self)
      # The log has a line about it.
      thread.report_on_exception = false
      first = true
      promised = false
      while (found = @native.next(first))
        first = false
        found.is_a?(Array) ? found.each { |number| @sets.delete(number) } : run(found)
      end
    ensure
      @native.break_promise if promised
      # If the thread was ended, another one takes its place.
      add_thread
    end

    def run(call)
      # While this thread works, another one waits.
      add_thread
      block = @sets.fetch(call.set).fetch(call.index)
      argument = call.argument
      call.answer(around { block.call(argument, call) })
    rescue *FAILURES => error
      call.fail(Failure.message(error))
    rescue Exception => error # rubocop:disable Lint/RescueException
      call.fail(Failure.message(error))
      raise
    ensure
      call.fail("its thread ended before it did")
    end

    # What the block returns, whatever `around` makes of it.
    def around
      outer = Blocks.around or return yield
      result = nil
      outer.call { result = yield }
      result
    end
  end
end
