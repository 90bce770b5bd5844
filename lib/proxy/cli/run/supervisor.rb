# frozen_string_literal: true

module Proxy
  module CLI
    class Run < Serving
      # Keeps the application running behind a server that is running already: starts it, lets requests to it wait until
      # it is ready, passes signals on, and starts it again or ends with it.
      class Supervisor
        # Longest pause between two starts, in seconds.
        LONGEST_PAUSE = 30
        # Time after which an application counts as well: the next start after its end is at once.
        WELL = 60
        # Signals that a terminal sends to the application too.
        OF_TERMINALS = [:INT, :QUIT, :WINCH].map { |name| Signal.list.fetch(name.to_s) }.freeze

        # `reloading` knows the configuration in use. The block is called when the application is ready.
        def initialize(server, reloading, child, console, signals, options, &ready)
          @server = server
          @reloading = reloading
          @child = child
          @console = console
          @signals = signals
          @options = options
          @ready = ready
          @pause = 0
        end

        # Starts the application.
        # @raise [Error] if it cannot be started
        def start
          @well = false
          hold_again if @refusing
          @options.ready ? close : open
          @began = clock
          @child.start
          watch
        rescue SystemCallError => error
          raise Error, "the application cannot be started: #{error.message}"
        end

        # Passes a signal on.
        def pass(number)
          @child.signal(number) unless OF_TERMINALS.include?(number) && @signals.foreground?
        end

        # Handles the events of the application. Returns whether it has ended for good.
        def handle(event, argument)
          case event
          when :ready then ready if argument == @child.pid
          when :late then late if argument == @child.pid && @child.alive?
          when :ended then return ended if argument == @child.pid && !@child.alive?
          when :again then again
          end
          false
        end

        # Puts back what a reload has changed: it knows nothing of an application that is not ready.
        def reloaded
          close if @closed
          refuse if @refusing
        end

        private

        def watch
          pid = @child.pid
          readiness = Readiness.new(@options.application.address, @options.ready, @options.application.socket)
          @watch&.kill
          @watch = Thread.new do
            Thread.current.name = "proxy-ready"
            Thread.new { sleep @options.boot_timeout and @signals.push(:late, pid) }
            readiness.wait
            @signals.push(:ready, pid)
          end
        end

        def ready
          return if @well

          @well = true
          open
          @console.say("The application is ready after #{Serving.seconds((clock - @began).round(1))}.")
          hold_again if @refusing
          @ready&.call
        end

        # Sends no request to the application, though it may take connections already.
        def close
          @closed = true
          each_backend { |name| @server.down(name) }
        end

        def open
          each_backend { |name| @server.ready(name) } if @closed
          @closed = false
        end

        def late
          return if @well || @refusing

          application = @options.application
          @console.complain("The application is not ready after #{Serving.seconds(@options.boot_timeout)}: nothing " \
                            "answers at #{application.address}#{@options.ready}: #{application.remedy}. Until then " \
                            "requests get 503.")
          refuse
        end

        # No request waits any more: each gets its error response at once.
        def refuse
          @refusing = true
          close
          @server.take(@reloading.config.without_hold)
        end

        def hold_again
          @refusing = false
          @server.take(@reloading.config)
        end

        def each_backend
          @server.stats[:backends].each do |backend|
            yield "#{backend[:upstream]}/#{backend[:address]}" if backend[:address] == @options.application.address
          end
        end

        # Returns whether that is the end.
        def ended
          @watch&.kill
          @well = false
          close if @options.ready
          @pause = 0 if clock - @began > WELL
          return true unless @options.restart

          @console.complain("The application #{@child.ending}; it starts again#{" in #{Serving.seconds(@pause)}" if
            @pause.positive?}.")
          pause = @pause
          @pause = [[@pause * 2, 1].max, LONGEST_PAUSE].min
          Thread.new { sleep pause and @signals.push(:again) }
          false
        end

        def again
          start
        rescue Error => error
          @console.complain(error.message)
          Thread.new { sleep LONGEST_PAUSE and @signals.push(:again) }
        end

        def clock = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
      private_constant :Supervisor
    end
  end
end
