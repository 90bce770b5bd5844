# frozen_string_literal: true

require_relative "serving"
require_relative "init"

module Proxy
  module CLI
    # `proxy run`
    # @api private
    class Run < Serving
      describe "start an application and serve in front of it", <<~HELP
        proxy run [OPTIONS] -- COMMAND [ARGUMENT]...

        Listens, starts the application with this command, and sends it every request
        that no handler of the configuration takes. Requests wait while it starts.

          -c, --config PATH   the configuration; else Proxyfile, then config/proxy.rb,
                              else none: everything goes to the application
          -b, --bind URL      listen here, not on the binds of the file; repeatable
              --app ADDRESS   where the application listens, such as 127.0.0.1:3000 or
                              unix:tmp/puma.sock; else found out, or told by PORT
              --ready WHAT    tcp: it is ready when it takes connections (the default);
                              /up: when this page answers without an error
              --boot-timeout SECONDS
                              time to become ready (60); after that requests get 503
              --restart       start the application again when it ends: at once, then
                              after 1, 2, 4 … 30 seconds
              --shutdown-timeout SECONDS
                              in place of the file's shutdown_timeout (30)
              --ok-on-term    exit with 0 when SIGTERM has ended the application
              --relay HUP     pass SIGHUP on to the application too
              --no-socket     let the application open its own socket; --socket: pass
                              one as descriptor 3 (LISTEN_FDS) even to another than Puma
              --pid FILE      as with proxy start
          -h, --help          this text

        PORT is set for the application. Without any bind, the PORT that was set before
        is where the proxy listens.

        SIGTERM stops it: no new connections, requests in flight finish while the
        application still serves, and only then it gets SIGTERM, and SIGKILL when
        shutdown_timeout is over. A second signal ends both at once. Ctrl-C does the
        same; the application has it from the terminal. SIGHUP reads the configuration
        again. SIGUSR1, USR2, TTIN, TTOU, URG and WINCH go to the application.

        The exit status is the application's, 128 and the number of a signal that ended
        it: 143 for Puma after SIGTERM. 127: there is no such command. 126: it may not
        be executed. 1: the configuration is wrong, and nothing was started.

        Examples:
          proxy run -- bundle exec puma
          proxy run -b http://0.0.0.0:80 -- bin/rails server
          proxy run --ready /up --restart -- bundle exec puma -b tcp://127.0.0.1:3000
      HELP

      # Signals that are for the application.
      RELAYED = %w[USR1 USR2 TTIN TTOU URG WINCH].freeze
      # What the options say.
      Options = Struct.new(:application, :ready, :boot_timeout, :restart, :relay)
      private_constant :Options

      private

      # Options end where the command begins, also without `--`.
      def parse(arguments) = parser.order(arguments)

      def declare(options)
        config_option(options)
        bind_option(options)
        pid_option(options)
        options.on("--app ADDRESS", String) { |address| @place = Application.place(address) }
        options.on("--ready WHAT", String) { |what| @ready = page(what) }
        options.on("--boot-timeout SECONDS", String) { |text| @boot_timeout = seconds(text) }
        options.on("--shutdown-timeout SECONDS", String) { |text| @shutdown = seconds(text) }
        options.on("--restart") { @restart = true }
        options.on("--ok-on-term") { @ok_on_term = true }
        options.on("--relay SIGNAL", String) { |name| @relay = relayed(name) }
        options.on("--[no-]socket") { |pass| @pass = pass }
      end

      def page(what)
        return if what == "tcp"
        return what if what.match?(%r{\A/[!-~]*\z})

        raise OptionParser::InvalidArgument, "#{what}: write tcp, or a path, such as /up"
      end

      def seconds(text)
        number = Float(text, exception: false)
        return number if number && number.finite? && number.positive?

        raise OptionParser::InvalidArgument, "#{text}: write a number of seconds, such as 60"
      end

      def relayed(name)
        plain = name.upcase.delete_prefix("SIG")
        return plain if plain == "HUP"

        remedy = RELAYED.include?(plain) ? "SIG#{plain} is passed on anyway" : "only HUP can be written here"
        raise OptionParser::InvalidArgument, "#{name}: #{remedy}"
      end

      def call(*command)
        return usage("the command is missing: write it at the end, as in `proxy run -- bundle exec puma`") if
          command.empty?

        @command = command
        Reaper.divide
        program = Program.new(command.first)
        return perform unless program.problem

        @err.puts "proxy run: #{program.problem}"
        program.status
      end

      def orders
        { **Signals::ORDERS, **RELAYED.to_h { |name| [name, :relay] } }
      end

      def upgrades? = false

      def title = "proxy run -- #{short}"

      # The command without its arguments, which may hold secrets.
      def short = @command.first(@command.first(2) == %w[bundle exec] ? 3 : 1).join(" ")

      def configuration(control: false, **binds)
        boot_timeout = @boot_timeout || 60.0
        application = Application.new(@command, @place, @pass)
        application.prepare
        @options = Options.new(application, @ready, boot_timeout, @restart, @relay)
        app = Config::App.new(application.address, application.pool(boot_timeout), settings: settings, bind: bind)
        file = @path || Config::FILES.find { |path| File.file?(path) }
        file ? Config.load(file, app: app, control: control, **binds) : Config::Alone.new(app, @binds, control).read
      end

      def settings
        @shutdown ? { "shutdown_timeout" => { "value" => @shutdown } } : {}
      end

      # Platforms say by PORT where to listen.
      def bind
        port = ENV.fetch("PORT", "")
        "http://0.0.0.0:#{port}" if port.match?(/\A[1-9]\d{0,4}\z/)
      end

      def serve(server, config)
        notifier = Notifier.new
        reloading = Reloading.new(server, config, @console, @signals)
        @child = Child.new(@command, @options.application.environment, @options.application.socket, @signals)
        supervisor = Supervisor.new(server, reloading, @child, @console, @signals, @options) { notifier.ready }
        begin_with(server, supervisor)
        number = obey(reloading, supervisor, notifier)
        notifier.stopping
        reloading.abandon
        stopping = Stopping.new(server, reloading.config, @console, @signals)
        ending = Ending.new(server, reloading.config, stopping, @child, @console, @signals)
        status = finish(ending, number)
        leave(status) unless reloading.give_up(FAREWELL)
        status
      ensure
        @child&.signal(:KILL)
      end

      def begin_with(server, supervisor)
        supervisor.start
        @console.say(*greeting(server), "#{short} starts as PID #{@child.pid} #{@options.application.described}. " \
                                        "Ctrl-C stops both.")
      rescue Error
        server.stop(timeout: 0)
        raise
      end

      # Handles events until one of them is the end: returns the number of a signal, or nil if the application has
      # ended.
      def obey(reloading, supervisor, notifier)
        loop do
          event, argument = @signals.next
          if handle(event, argument, reloading, notifier)
            @child.signal(:HUP) if event == :reload && @relay
            supervisor.reloaded if event == :reloaded
            next
          end
          case event
          when :relay then supervisor.pass(argument)
          when :hang_up
            @console.complain("The terminal is gone.")
            return Signal.list.fetch("HUP")
          when :stop then return argument
          else return if supervisor.handle(event, argument)
          end
        end
      end

      # Ends everything and returns the exit status.
      def finish(ending, number)
        if number
          told = number == Signal.list.fetch("HUP") || Supervisor::OF_TERMINALS.include?(number) && @signals.foreground?
          forced = ending.stop(told)
          return forced if forced
        else
          @console.complain("The application #{@child.ending}.")
          ending.follow
        end
        return OK if number && @ok_on_term && @child.status&.termsig == Signal.list.fetch("TERM")

        @child.exit_status
      end
    end
  end
end

require_relative "run/reaper"
require_relative "run/program"
require_relative "run/puma"
require_relative "run/readiness"
require_relative "run/application"
require_relative "run/child"
require_relative "run/supervisor"
require_relative "run/ending"
