# frozen_string_literal: true

module Proxy
  module CLI
    class Serving < Command
      # Tells systemd how the backends are, when that changes, and that the engine is not stuck, if the unit has a
      # `WatchdogSec` (sd_watchdog_enabled(3)).
      class Heartbeat
        # Seconds between two looks at the backends.
        LOOK = 1
        # What to call a backend in a state, in the order of the text.
        WORDS = { "ready" => "up", "draining" => "draining", "unchecked" => "not checked yet" }.freeze
        # Any other state.
        DOWN = "down"

        # "3 backends up, 1 down"
        def self.text(backends)
          counts = backends.map { |backend| WORDS.fetch(backend[:state], DOWN) }.tally
          parts = [*WORDS.values, DOWN].filter_map { |word| [counts[word], word] if counts.key?(word) }
          return "Serving" if parts.empty?

          parts.each_with_index.map { |(number, word), index|
            noun = " backend#{"s" unless number == 1}" if index.zero?
            "#{number}#{noun} #{word}"
          }.join(", ")
        end

        # `env` has WATCHDOG_USEC, perhaps for another process alone.
        def initialize(notifier, server, env: ENV)
          @notifier = notifier
          @server = server
          pid = env["WATCHDOG_PID"]
          micros = Integer(env["WATCHDOG_USEC"] || "", 10, exception: false) if pid.nil? || pid == Process.pid.to_s
          @limit = micros / 2_000_000.0 if micros&.positive?
        end

        def start
          Thread.new do
            Thread.current.name = "proxy-heartbeat"
            Thread.current.report_on_exception = false
            beat while @notifier.there? && !@server.stopped?
          end
        end

        private

        def beat
          tell_status
          # A thread that hangs stops it, also this one.
          @notifier.alive if @limit && @server.turns?(@limit)
          sleep [LOOK, @limit && (@limit / 2)].compact.min
        end

        def tell_status
          text = Heartbeat.text(@server.stats.fetch(:backends))
          @notifier.status(text) unless text == @text
          @text = text
        end
      end
      private_constant :Heartbeat
    end
  end
end
