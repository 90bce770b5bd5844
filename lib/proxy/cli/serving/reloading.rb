# frozen_string_literal: true

module Proxy
  module CLI
    class Serving < Command
      # Reloads of a running server, one at a time, each on its own thread: a configuration may be slow, raise or end
      # its thread, and signals are still handled.
      class Reloading
        # @return [Config] the configuration in use
        attr_reader :config

        # Messages go to `console`; `signals` gets an event when a reload is over.
        def initialize(server, config, console, signals)
          @server = server
          @config = config
          @console = console
          @signals = signals
          @askers = []
        end

        # Begins a reload. During a reload it schedules one more, however often it is called. `asker` is the reply of an
        # order, which hears of the outcome of a reload that begins now or later; of a signal it is its number.
        def begin(asker = nil)
          @askers << asker if asker.respond_to?(:tell)
          return @again = true if @thread

          start
        end

        # Ends a reload: `config` is the new configuration, or nil if the reload failed.
        def over(config)
          stays("#{@config.file} ended its thread.", "The old configuration stays.") if config.nil?
          @config = config if config
          @thread = nil
          answer
          # Signals are trapped again even if the configuration was not read to its end.
          @signals.take
          return unless @again

          @again = false
          self.begin
        end

        # Whether a reload is running.
        def under_way? = !@thread.nil?

        # Discards the messages of a running reload, because the server is about to stop.
        def abandon
          @abandoned = true
        end

        # Ends a running reload. Returns `false` if it does not end within `limit` seconds.
        def give_up(limit)
          @thread.nil? || !@thread.kill.join(limit).nil?
        end

        private

        def start
          @asking, @askers = @askers, []
          @thread = Thread.new do
            Thread.current.report_on_exception = false
            taken = reload
          ensure
            @signals.push(:reloaded, taken)
          end
        end

        # Tells the outcome to those who have asked for the reload.
        def answer
          @asking.each { |asker| asker.tell(*@outcome) }
          @asking = []
        end

        # Loads the configuration again and returns it; returns the old one if anything is wrong.
        def reload
          config = @config.source.read
          # A configuration may trap signals itself: we trap them again before the reload is reported.
          @signals.take
          @console.complain(*config.warnings.map { |warning| "warning: #{warning}" })
          @server.take(config)
          @server.note_reload("ok", config.warnings)
          @outcome = [200, Control::Outcome.success(config)]
          count = config.route_count
          @console.say("Reloaded #{config.file}: #{count} route#{"s" unless count == 1}.")
          config
        rescue ConfigurationError => error
          count = error.problems.length
          stays(*error.problems, "#{@config.file} has #{count} error#{"s" unless count == 1}; the old configuration " \
                                 "stays.")
        rescue BindError => error
          stays(*error.problems, "The old configuration stays.")
        rescue Error => error
          stays(error.message, "The old configuration stays.")
        rescue SystemExit => error
          stays("#{@config.file} ends the process (#{error.message})", "The old configuration stays.")
        # Any exception here comes from the configuration and must not end the server.
        rescue Exception => error # rubocop:disable Lint/RescueException
          stays("#{@config.file} raised #{error.class}: #{error.message}", "The old configuration stays.")
        end

        # `lines`: problems, or texts in their place, and a conclusion.
        def stays(*lines)
          @console.complain(*lines) unless @abandoned
          problems, texts = lines.partition { |line| line.is_a?(Problem) }
          @server.note_reload("failed", problems, texts.join("; "))
          @outcome = [422, Control::Outcome.failure(texts.join("; "), problems)]
          @config
        end
      end
      private_constant :Reloading
    end
  end
end
