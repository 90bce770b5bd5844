# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy start`
    # @api private
    class Start < Command
      describe "start the proxy (what `proxy` alone does)", <<~HELP
        proxy start [-c PATH] [-b URL]...

        Reads the configuration, binds its addresses and serves until it is told to
        stop. Nothing is bound when anything is wrong with the configuration.

          -c, --config PATH   the configuration; else Proxyfile, then config/proxy.rb
          -b, --bind URL      listen here, not on the binds of the file; repeatable
          -h, --help          this text

        Ctrl-C or SIGTERM stops it: no new connections, requests in flight may finish
        within shutdown_timeout, then it exits with 0. A second signal ends it at once.

        SIGHUP reads the configuration and the files it names again, without closing
        anything: requests in flight finish under the one they began with. If anything
        is wrong it is printed, and the old configuration stays. The access log is
        opened anew, for log rotation.

        Examples:
          proxy                                     Proxyfile, as it stands
          proxy start -c config/proxy.rb            another file
          proxy start -b http://127.0.0.1:9000      the same routes on another port
          proxy start -b unix:///tmp/proxy.sock     or on a socket file
      HELP

      private

      def declare(options)
        config_option(options)
        options.on("-b", "--bind URL", String) { |url| (@binds ||= []) << url }
      end

      def perform
        # The signals are ours before the engine starts, so that none falls into a gap.
        signals = Signals.new
        config = Config.load(@path, binds: @binds)
        config.warnings.each { |warning| @err.puts "warning: #{warning}" }
        config.validate!
        serve(Server.start(config), config, signals)
      rescue ConfigurationError => error
        complain(error.problems, "#{config.file} has #{count(error.problems.length, "error")}; nothing was started.")
      rescue BindError => error
        complain(error.problems, "Nothing was started.")
      end

      def serve(server, config, signals)
        greet(server, config)
        config = reload(server, config) while signals.next == Signals::RELOAD
        @out.puts "Stopping. Requests in flight get #{seconds(config)}; a second signal ends them at once."
        @out.flush
        stopping = Thread.new { server.stop.tap { signals.stopped } }
        forced = signals.second
        if forced
          server.stop(timeout: 0)
          return 128 + forced
        end
        @err.puts "Some requests took longer than that and were cut." unless stopping.value
        OK
      end

      def greet(server, config)
        @out.puts "proxy #{VERSION} listens on"
        server.urls.each { |url| @out.puts "  #{url}" }
        @out.puts "#{config.file}: #{count(config.route_count, "route")}. Ctrl-C stops it; requests in flight then get #{seconds(config)}."
        @out.flush
      end

      # Serves by the configuration as it stands now, and returns it; by the old one if anything is wrong.
      def reload(server, old)
        config = old.source.read
        say(@err, *config.warnings.map { |warning| "warning: #{warning}" })
        server.take(config)
        say(@out, "Reloaded #{config.file}: #{count(config.route_count, "route")}.")
        config
      rescue ConfigurationError => error
        say(@err, *error.problems, "#{old.file} has #{count(error.problems.length, "error")}; the old configuration stays.")
        old
      rescue Error, SystemExit => error
        reason = error.is_a?(SystemExit) ? "#{old.file} ends the process (#{error.message})" : error.message
        say(@err, reason, "The old configuration stays.")
        old
      end

      # A terminal that is gone, which may be why SIGHUP came, is no reason to end.
      def say(io, *lines)
        lines.each { |line| io.puts line }
        io.flush
      rescue Errno::EIO, Errno::EPIPE
        nil
      end

      def seconds(config)
        timeout = config.shutdown_timeout
        count(timeout == timeout.to_i ? timeout.to_i : timeout, "second")
      end

      # SIGINT, SIGTERM and SIGHUP as something that can be waited for.
      class Signals
        STOPPED = 0
        RELOAD = Signal.list.fetch("HUP")

        def initialize
          @reader, @writer = IO.pipe
          %w[INT TERM HUP].each { |name| trap(name) { |number| @writer.write_nonblock([number].pack("C"), exception: false) } }
        end

        # Waits for the next signal, and returns its number.
        def next
          @reader.getbyte
        end

        # Says that the server has stopped.
        def stopped
          @writer.write([STOPPED].pack("C"))
        end

        # Waits for a second signal that ends the server, and returns its number, or for the end of the server, and returns nil.
        def second
          number = self.next
          number = self.next while number == RELOAD
          number unless number == STOPPED
        end

        private

        def trap(name, &block)
          Signal.trap(name, &block)
        end
      end
      private_constant :Signals
    end
  end
end
