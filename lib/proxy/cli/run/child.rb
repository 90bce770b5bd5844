# frozen_string_literal: true

module Proxy
  module CLI
    class Run < Serving
      # The process of the application. It is in our process group and has our standard input, so that it may use the
      # terminal.
      class Child
        # Variables that speak of our own start: what systemd told us is not for the application.
        OURS = %w[NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID LISTEN_FDS LISTEN_PID LISTEN_FDNAMES]
               .to_h { |name| [name, nil] }.freeze
        # Tells the application that there is a proxy in front of it.
        TOLD = { "PROXY_RUN" => "1" }.freeze
        # Descriptor of the first socket that is passed on (sd_listen_fds(3)).
        FIRST = 3
        # A shell that says its own process number, which the program has then: `exec` keeps it.
        PASS = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"].freeze

        # @return [Integer, nil] its process number; nil before the first start
        attr_reader :pid
        # @return [Process::Status, nil] how it ended; nil while it runs
        attr_reader :status

        # `socket` is the listening socket that it gets, if any. `signals` gets the event `:ended`.
        def initialize(command, environment, socket, signals)
          @command = command
          @environment = { **OURS, **TOLD, **environment }
          @socket = socket
          @signals = signals
        end

        # Starts the process.
        # @raise [SystemCallError] if it cannot be started
        def start
          @status = nil
          @pid = with_usual_signals do
            Process.spawn(*words, close_others: true, **(@socket ? { FIRST => @socket } : {}))
          end
          pid = @pid
          Thread.new do
            Thread.current.name = "proxy-child"
            @status = Process.wait2(pid)[1]
          ensure
            @signals.push(:ended, pid)
          end
        end

        # Whether it runs.
        def alive? = !@pid.nil? && @status.nil?

        # Sends it a signal, by name or number. That it has just ended is no mistake.
        def signal(signal)
          Process.kill(signal, @pid) if alive?
        rescue Errno::ESRCH
          nil
        end

        # The exit status in the form that a shell gives it.
        def exit_status
          @status.exitstatus || (128 + @status.termsig)
        end

        # How it ended, as a part of a sentence.
        def ending
          return "ended with status #{@status.exitstatus}" if @status.exitstatus

          "was ended by SIG#{Signal.signame(@status.termsig)}"
        end

        private

        # A signal that is ignored here would be ignored there. One that is trapped is not.
        def with_usual_signals
          previous = Signal.trap("TTOU") { nil }
          yield
        ensure
          Signal.trap("TTOU", previous)
        end

        # Two names of the program keep Ruby from asking a shell.
        def words
          return [{ **@environment, "LISTEN_FDS" => "1" }, *PASS, *@command] if @socket

          [@environment, [@command.first, @command.first], *@command.drop(1)]
        end
      end
      private_constant :Child
    end
  end
end
