# frozen_string_literal: true

module Proxy
  module CLI
    class Serving < Command
      # The stop of a server, with reports of requests in flight and of those that did not finish.
      class Stopping
        KINDS = { requests: "request", tunnels: "tunnel", event_streams: "event stream" }.freeze
        private_constant :KINDS

        def initialize(server, config, console, signals)
          @server = server
          @config = config
          @console = console
          @signals = signals
        end

        # Stops the server and returns the exit status: 0, or the one for the signal that forced the end. The block gets
        # every other event that comes meanwhile.
        def perform(&others)
          @console.say("Stopping. #{in_flight("A second signal")}")
          finish(others) { @server.stop }
        end

        # The same for a server that was left to another process: nothing that was accepted is cut.
        def hand_over(successor, &others)
          @console.say("PID #{successor.pid} serves from now on. #{in_flight("A signal")}")
          finish(others) { @server.finish }
        end

        private

        def finish(others)
          stopping = Thread.new { yield.tap { @signals.push(:stopped) } }
          forced = @signals.second(&others)
          forced ? @server.stop(timeout: 0) : stopping.join
          report
          forced ? 128 + forced : OK
        end

        # `what` ends them at once.
        def in_flight(what)
          lasting = @server.stats[:requests].slice(:tunnels, :event_streams)
          requests = [@server.stats[:requests][:in_flight] - lasting.values.sum, 0].max
          parts = words(requests: requests, **lasting) { |kind| " (#{Serving.seconds(limit(kind))})" }
          parts.empty? ? "Nothing is in flight." : "In flight: #{parts}. #{what} ends what is left at once."
        end

        # Seconds that work of a kind may take at most.
        def limit(kind)
          kind == :requests ? @config.shutdown_timeout : [@config.tunnel_grace, @config.shutdown_timeout].min
        end

        def report
          requests, lasting = @server.stats[:cut].partition { |kind, _| kind == :requests }.map do |numbers|
            words(**numbers.to_h)
          end
          # A tunnel or an event stream that was ended by the stop has not failed.
          lines = [("Not finished in time: #{requests}." unless requests.empty?),
                   ("Ended by the stop: #{lasting}." unless lasting.empty?)]
          @console.complain(lines.compact.join(" ")) if lines.any?
        end

        # "1 request, 2 tunnels", each with the block's addition.
        def words(**numbers)
          KINDS.filter_map { |kind, word|
            number = numbers.fetch(kind, 0)
            "#{number} #{word}#{"s" unless number == 1}#{yield kind if block_given?}" if number.positive?
          }.join(", ")
        end
      end
      private_constant :Stopping
    end
  end
end
