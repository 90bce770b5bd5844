# frozen_string_literal: true

require_relative "console"

module Proxy
  module CLI
    # Base of the commands that serve until they are told to stop: `proxy start` and `proxy run`.
    # @api private
    class Serving < Command
      # Seconds that the process waits at its end for output that is still queued.
      FAREWELL = 1
      private_constant :FAREWELL

      # "1 second", "0.5 seconds"
      def self.seconds(number)
        number = number.to_i if number == number.to_i
        "#{number} second#{"s" unless number == 1}"
      end

      private

      def bind_option(options)
        options.on("-b", "--bind URL", String) { |url| (@binds ||= []) << url }
      end

      def pid_option(options)
        options.on("--pid FILE", String) { |path| @pid_file = PidFile.new(path) }
      end

      def perform
        @predecessor = Predecessor.new
        @passed = Listeners::Passed.take(inherited: @predecessor.there?)
        @first = @predecessor.first || FirstProcess.divide { @passed&.close }
        @launch = Launch.new
        # Signals are trapped before the engine starts, so that none is lost.
        @signals = Signals.new(orders)
        @console = Console.new(@out.io, @err.io)
        status = start
        @console.flush(FAREWELL)
        status
      end

      # The action of each signal, by its name.
      def orders = Signals::ORDERS

      def start
        config = read or return FAILED
        @signals.take
        @console.complain(*config.warnings.map { |warning| "warning: #{warning}" })
        config.validate!
        @signals.serving
        @pid_file&.claim(@predecessor.pid_file)
        server = start_server(config)
        note_pid(server)
        Process.setproctitle(title)
        serve(server, config)
      rescue ConfigurationError => error
        refuse(error.problems, "#{config.file} has #{count(error.problems.length, "error")}; nothing was started.")
      rescue BindError => error
        refuse(error.problems, "Nothing was started.")
      rescue Error => error
        refuse([error.message], "Nothing was started.")
      ensure
        @pid_file&.remove
      end

      # Starts the server, with what was passed to this process.
      def start_server(config)
        passed = [@predecessor.state, @passed&.control.to_a] if @predecessor.there?
        server = Server.start(config, ControlOrders.new(@signals, upgrades: upgrades?), passed: passed)
        binds = config.to_h.fetch("binds")
        @used = @passed&.used(binds).to_a
        @console.complain(*@passed&.settle(binds).to_a.map { |text| "warning: #{text}" })
        server
      end

      # Tells systemd and the process before that this one serves.
      def announce(server)
        notifier = Notifier.new
        notifier.ready
        Heartbeat.new(notifier, server).start if notifier.there?
        @predecessor.served(@used)
        notifier
      end

      # Whether the command can be replaced by a new process while it runs.
      def upgrades? = true

      def note_pid(server)
        @pid_file&.write
      rescue Error
        server.stop(timeout: 0)
        raise
      end

      # The configuration; nil if it is wrong, which was then reported.
      def read
        configuration(binds: @binds, control: true, listeners: @passed)
      # A configuration may call `exit`: nothing runs yet.
      rescue SystemExit
        @console.flush(FAREWELL)
        raise
      rescue Error => error
        refuse([error.message], "Nothing was started.")
        nil
      rescue Exception => error # rubocop:disable Lint/RescueException
        refuse(["#{@path || Config.find} raised #{error.class}: #{error.message}"], "Nothing was started.")
        nil
      end

      def refuse(problems, conclusion)
        @predecessor.refused(problems)
        @console.complain(*problems, conclusion)
        FAILED
      end

      # Handles what is common to the commands: reloads, and signals that only need a message. Returns false for an
      # event of another kind.
      def handle(event, argument, reloading, notifier)
        case event
        when :reload
          notifier.reloading
          reloading.begin(argument)
        when :reloaded
          reloading.over(argument)
          notifier.ready unless reloading.under_way?
        else return false
        end
        true
      end

      # Ends the process even if one of its threads does not end.
      def leave(status)
        @pid_file&.remove
        @console.flush(FAREWELL)
        exit!(status)
      end

      def greeting(server) = ["proxy #{VERSION} (PID #{Process.pid}) listens on", *server.urls.map { |url| "  #{url}" }]
    end
  end
end

require_relative "serving/signals"
require_relative "serving/first_process"
require_relative "serving/launch"
require_relative "serving/predecessor"
require_relative "serving/upgrading"
require_relative "serving/control_orders"
require_relative "serving/reloading"
require_relative "serving/stopping"
require_relative "serving/pid_file"
require_relative "serving/notifier"
require_relative "serving/heartbeat"
