# frozen_string_literal: true

module Proxy
  module CLI
    class Run < Serving
      # The end of the server and of the application, in this order: whoever is in front stops first.
      class Ending
        # Seconds that the application has for its own end in any case, unless `shutdown_timeout` is shorter: requests
        # in flight may have used that up.
        LEAST = 5
        # Seconds in which an application may end by itself that has the signal of the terminal too.
        PATIENCE = 2
        # Seconds that the server may take for responses of an application that has ended.
        REST = 1

        # `stopping` stops the server, whose configuration is `config`.
        def initialize(server, config, stopping, child, console, signals)
          @server = server
          @config = config
          @stopping = stopping
          @limit = config.shutdown_timeout
          @child = child
          @console = console
          @signals = signals
        end

        # Stops after a signal. `told` is whether the application has the signal already. Returns the exit status if a
        # second signal forced the end, else nil.
        def stop(told)
          # Between two starts nobody would answer what waits.
          return follow && nil unless @child.alive?

          deadline = clock + @limit
          forced = drain
          forced ||= await(PATIENCE) if told
          forced ||= end_child([deadline - clock, [@limit, LEAST].min].max)
          return unless forced

          @child.signal(:KILL)
          await(LEAST)
          forced
        end

        # Stops the server after the end of the application. What waits for that gets its error response.
        def follow
          @server.take(@config.without_hold)
          @server.stop(timeout: REST)
        # The server stops already.
        rescue Error
          @server.stop(timeout: REST)
        end

        private

        # Requests in flight finish while the application still serves.
        def drain
          status = @stopping.perform do |event, argument|
            case event
            when :ended then follow unless @child.alive?
            when :relay then @child.signal(argument)
            end
          end
          status unless status == OK
        end

        def end_child(limit)
          return unless @child.alive?

          @child.signal(:TERM)
          forced = await(limit)
          return forced if forced || !@child.alive?

          @console.complain("The application did not end within #{Serving.seconds(limit.round(1))} and was killed.")
          @child.signal(:KILL)
          await(LEAST)
        end

        # Waits for the end of the application. Returns the exit status for a second signal that comes first.
        def await(limit)
          deadline = clock + limit
          while @child.alive?
            event, argument = @signals.next([deadline - clock, 0].max)
            return if event.nil?
            return 128 + argument if event == :stop
          end
        end

        def clock = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
      private_constant :Ending
    end
  end
end
