# frozen_string_literal: true

require_relative "serving"

module Proxy
  module CLI
    # `proxy start`
    # @api private
    class Start < Serving
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

        SIGUSR2 starts the program anew on the same sockets, as it is installed by then.
        Once the new process serves, this one finishes what it has, and ends. No
        connection is refused or cut. If the new one does not start, this one goes on.

        Listening sockets that systemd passes (LISTEN_FDS) are used for the binds with
        their addresses, or for all if the configuration has no bind.

        What is printed may go to an output that is closed, full or read by nobody:
        the lines are lost and counted, and nothing else happens.

        Examples:
          proxy                                     Proxyfile, as it stands
          proxy start -c config/proxy.rb            another file
          proxy start --to localhost:3000           no file, from port 8080 to there
          proxy start -b http://127.0.0.1:9000      the same routes on another port
          proxy start -b unix:///tmp/proxy.sock     or on a socket file
      HELP

      private

      def declare(options)
        config_option(options)
        to_option(options)
        bind_option(options)
        pid_option(options)
      end

      # The process title, so that `pgrep -f "proxy start"` finds it.
      def title
        ["proxy start", @path && "-c #{@path}", *@targets&.map { |target| "--to #{target}" }].compact.join(" ")
      end

      def serve(server, config)
        greet(server, config)
        notifier = announce(server)
        reloading = Reloading.new(server, config, @console, @signals)
        upgrading = Upgrading.new(server, @console, @signals, @launch, passed: @passed, pid_file: @pid_file,
                                                                       first: @first)
        successor = obey(server, reloading, upgrading, notifier)
        reloading.abandon
        stopping = Stopping.new(server, reloading.config, @console, @signals)
        status = successor ? hand_over(stopping, successor, notifier) : stop(stopping, upgrading, notifier)
        leave(status) unless [reloading, server].map { |work| work.give_up(FAREWELL) }.all?
        status
      end

      # Handles signals until one of them stops the server, or until another process serves in its place: returns that
      # one.
      def obey(server, reloading, upgrading, notifier)
        loop do
          event, argument = @signals.next
          next upgrading.postpone(event, argument) if event == :reload && upgrading.under_way?
          next if handle(event, argument, reloading, notifier)

          case event
          when :reopen
            server.reopen_logs
            upgrading.postpone(event, argument) if upgrading.under_way?
          when :upgrade then upgrading.begin(argument)
          when :upgraded
            successor = upgrading.over(argument)
            return successor if successor
          when :hang_up
            @console.complain("The terminal is gone.")
            return
          when :stop then return
          end
        end
      end

      def stop(stopping, upgrading, notifier)
        notifier.stopping
        upgrading.abandon
        stopping.perform
      end

      # Ends, since another process serves.
      def hand_over(stopping, successor, notifier)
        notifier.main(successor.pid)
        Process.setproctitle("proxy: PID #{successor.pid} serves, and this process finishes what it has")
        stopping.hand_over(successor) do |event, argument|
          argument.tell(*Control::Outcome.moved(event, successor.pid)) if argument.respond_to?(:tell)
        end
      end

      def greet(server, config)
        @console.say(*greeting(server),
                     "#{config.file}: #{count(config.route_count, "route")}. Ctrl-C stops it; requests in flight " \
                     "then get #{Serving.seconds(config.shutdown_timeout)}.")
      end
    end
  end
end
