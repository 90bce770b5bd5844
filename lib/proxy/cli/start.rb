# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy start`
    # @api private
    class Start < Command
      describe "start the proxy (what `proxy` alone does)", <<~HELP
        proxy start [-c PATH | --to ADDRESS...] [-b URL]... [--pid FILE]

        Reads the configuration, binds its addresses and serves until it is told to
        stop. Nothing is bound when anything is wrong with the configuration.

          -c, --config PATH   the configuration; else Proxyfile, then config/proxy.rb
              --to ADDRESS    no file: forward to this backend; repeatable
          -b, --bind URL      listen here, not on the binds of the file; repeatable
              --pid FILE      write the process's number there once it listens, and
                              remove the file at the end; one that was left behind is
                              written over, and any other file is left alone
          -h, --help          this text

        Ctrl-C, SIGTERM or SIGQUIT stops it: no new connections, requests in flight may
        finish within shutdown_timeout, WebSockets and event streams are told after
        tunnel_grace, then it exits with 0. A second signal ends it at once. SIGHUP from
        a terminal that is gone stops it too.

        SIGHUP reads the configuration and the files it names again, without closing
        anything: requests in flight finish under the one they began with. If anything
        is wrong it is printed, and the old configuration stays. The access log is
        opened anew. SIGUSR1 does that alone, for log rotation.

        What is printed may go to an output that is closed, full or read by nobody:
        the lines are lost and counted, and nothing else happens.

        Examples:
          proxy                                     Proxyfile, as it stands
          proxy start -c config/proxy.rb            another file
          proxy start --to localhost:3000           no file, from port 8080 to there
          proxy start -b http://127.0.0.1:9000      the same routes on another port
          proxy start -b unix:///tmp/proxy.sock     or on a socket file
      HELP

      # Seconds that the process waits at its end for output that is still queued.
      FAREWELL = 1
      private_constant :FAREWELL

      # "1 second", "0.5 seconds"
      def self.seconds(number)
        number = number.to_i if number == number.to_i
        "#{number} second#{"s" unless number == 1}"
      end

      private

      def declare(options)
        config_option(options)
        to_option(options)
        options.on("-b", "--bind URL", String) { |url| (@binds ||= []) << url }
        options.on("--pid FILE", String) { |path| @pid_file = PidFile.new(path) }
      end

      def perform
        # Signals are trapped before the engine starts, so that none is lost.
        signals = Signals.new
        @console = Console.new(@out.io, @err.io)
        status = start(signals)
        @console.flush(FAREWELL)
        status
      end

      def start(signals)
        config = read or return FAILED
        signals.take
        @console.complain(*config.warnings.map { |warning| "warning: #{warning}" })
        config.validate!
        signals.serving
        @pid_file&.claim
        server = Server.start(config)
        note_pid(server)
        serve(server, config, signals)
      rescue ConfigurationError => error
        refuse(error.problems, "#{config.file} has #{count(error.problems.length, "error")}; nothing was started.")
      rescue BindError => error
        refuse(error.problems, "Nothing was started.")
      rescue Error => error
        refuse([error.message], "Nothing was started.")
      ensure
        @pid_file&.remove
      end

      def note_pid(server)
        @pid_file&.write
      rescue Error
        server.stop(timeout: 0)
        raise
      end

      # The configuration; nil if it is wrong, which was then reported.
      def read
        configuration(binds: @binds)
      # A configuration may call `exit`: nothing runs yet.
      rescue SystemExit
        @console.flush(FAREWELL)
        raise
      rescue Exception => error # rubocop:disable Lint/RescueException
        refuse(["#{@path || Config.find} raised #{error.class}: #{error.message}"], "Nothing was started.")
        nil
      end

      def refuse(problems, conclusion)
        @console.complain(*problems, conclusion)
        FAILED
      end

      def serve(server, config, signals)
        # The process title, so that `pgrep -f "proxy start"` finds it.
        Process.setproctitle(["proxy start", @path && "-c #{@path}",
                              *@targets&.map { |target| "--to #{target}" }].compact.join(" "))
        greet(server, config)
        notifier = Notifier.new
        notifier.ready
        reloading = Reloading.new(server, config, @console, signals)
        obey(server, reloading, signals, notifier)
        notifier.stopping
        reloading.abandon
        status = Stopping.new(server, reloading.config, @console, signals).perform
        leave(status) unless [reloading, server].map { |work| work.give_up(FAREWELL) }.all?
        status
      end

      # Handles signals until one of them stops the server.
      def obey(server, reloading, signals, notifier)
        loop do
          event, argument = signals.next
          case event
          when :reload
            notifier.reloading
            reloading.begin
          when :reloaded
            reloading.over(argument)
            notifier.ready unless reloading.under_way?
          when :reopen then server.reopen_logs
          when :upgrade then @console.complain("SIGUSR2 does nothing in this version: stop the proxy and start it anew")
          when :hang_up then return @console.complain("The terminal is gone.")
          when :stop then return
          end
        end
      end

      # Ends the process even if one of its threads does not end.
      def leave(status)
        @pid_file&.remove
        @console.flush(FAREWELL)
        exit!(status)
      end

      def greet(server, config)
        @console.say("proxy #{VERSION} (PID #{Process.pid}) listens on", *server.urls.map { |url| "  #{url}" },
                     "#{config.file}: #{count(config.route_count, "route")}. Ctrl-C stops it; requests in flight " \
                     "then get #{self.class.seconds(config.shutdown_timeout)}.")
      end
    end
  end
end

require_relative "console"
require_relative "start/signals"
require_relative "start/reloading"
require_relative "start/stopping"
require_relative "start/pid_file"
require_relative "start/notifier"
