# frozen_string_literal: true

module Proxy
  module CLI
    class Start
      # Reloads of a running server, one at a time and each on a thread of its own: a configuration may take its time,
      # raise what it likes or end its thread, and signals are heard meanwhile.
      class Reloading
        # @return [Config] what the server serves by
        attr_reader :config

        # `console` is told what happens, and `signals` when a reload is over.
        def initialize(server, config, console, signals)
          @server = server
          @config = config
          @console = console
          @signals = signals
        end

        # Begins a reload, or has one follow that which is going on: however many are asked for meanwhile, it is one.
        def begin
          return @again = true if @thread

          @thread = Thread.new do
            Thread.current.report_on_exception = false
            taken = reload
          ensure
            @signals.push(:reloaded, taken)
          end
        end

        # The reload has ended, with a configuration or with nil.
        def over(config)
          @console.complain("#{@config.file} ended its thread.", "The old configuration stays.") if config.nil?
          @config = config if config
          @thread = nil
          # Also where it was not read to its end.
          @signals.take
          return unless @again

          @again = false
          self.begin
        end

        # Whether one is going on.
        def under_way? = !@thread.nil?

        # The server is about to stop: why a reload did not succeed is of no interest any more.
        def abandon
          @abandoned = true
        end

        # Gives up a reload that is going on. `false` if it does not let go within so many seconds.
        def give_up(limit)
          @thread.nil? || !@thread.kill.join(limit).nil?
        end

        private

        # Serves by the configuration as it stands now, and returns it; the old one if anything is wrong.
        def reload
          config = @config.source.read
          # A configuration may have taken signals for itself: they are ours again before anybody hears that it was
          # read.
          @signals.take
          @console.complain(*config.warnings.map { |warning| "warning: #{warning}" })
          @server.take(config)
          count = config.route_count
          @console.say("Reloaded #{config.file}: #{count} route#{"s" unless count == 1}.")
          config
        rescue ConfigurationError => error
          count = error.problems.length
          stays(*error.problems, "#{@config.file} has #{count} error#{"s" unless count == 1}; the old configuration " \
                                 "stays.")
        rescue Error => error
          stays(error.message, "The old configuration stays.")
        rescue SystemExit => error
          stays("#{@config.file} ends the process (#{error.message})", "The old configuration stays.")
        # Whatever it is, it came from the configuration, and no server ends because of that.
        rescue Exception => error # rubocop:disable Lint/RescueException
          stays("#{@config.file} raised #{error.class}: #{error.message}", "The old configuration stays.")
        end

        def stays(*lines)
          @console.complain(*lines) unless @abandoned
          @config
        end
      end
      private_constant :Reloading
    end
  end
end
