# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy deploy`
    # @api private
    class Deploy < Asking
      describe "replace the backends of an upstream by new ones", <<~HELP
        proxy deploy UPSTREAM --to ADDRESS... [OPTIONS]

        Checks new backends of an upstream until all are healthy, then sends requests to
        them alone, and removes the old ones once their requests have finished. If one
        of the new does not become healthy, the old ones stay, and it exits with 1 and
        the reason of the last check. Ctrl-C before that gives the deploy up. A backend
        that is there already stays, once it is checked.

              --to ADDRESS        a new backend; repeatable, or several after one
              --health PATH       what is asked for; else as health_check says, or /up
              --rise N            checks in a row that must succeed; else so, or 2
              --timeout SECONDS   for the new ones to become healthy; else 30
              --drain SECONDS     for requests in flight at the old ones; else 30
              --tunnels SECONDS   for their WebSockets; else as long as --drain
              --command COMMAND   start the application first. It goes on by itself
                                  once it serves, and ends if the deploy fails
          NAMING
              --json              print one JSON object for each step instead
          -h, --help              this text

        Examples:
          proxy deploy app --to 127.0.0.1:3002 --health /up --drain 60
          proxy deploy app --to 127.0.0.1:3002 --command "bin/puma -p 3002"
      HELP

      private

      def declare(options)
        super
        @options = {}
        options.on("--to ADDRESS", String) { |address| (@to ||= []) << address }
        options.on("--health PATH", String) { |path| @options[:health] = path }
        whole_option(options, "--rise N", 1) { |number| @options[:rise] = number }
        options.on("--command COMMAND", String) { |command| @command = command }
        { timeout: true, drain: false, tunnels: false }.each do |option, above_zero|
          number_option(options, "--#{option} SECONDS", above_zero: above_zero) { |number| @options[option] = number }
        end
      end

      def obey(upstream = nil, *more)
        return usage("write the upstream: `proxy status` shows the names") unless upstream
        return usage("write the new backends, such as --to 127.0.0.1:3002") unless @to

        program = @command && Program.new(@command)
        to = [*@to, *more]
        deploy(upstream, to, program)
        @out.puts served(upstream) unless @json
        OK
      ensure
        program&.stop
      end

      def lines? = true

      # Who serves an upstream by now: others may have been added meanwhile.
      def served(upstream)
        found = control.status[:upstreams].find { |known| known[:name] == upstream }
        serving = found.to_h.fetch(:backends, []).select do |backend|
          %w[ready unchecked].include?(backend[:state]) && !backend[:backup]
        end
        return "The deploy of #{upstream} is done." if serving.empty?

        "#{upstream} is served by #{DSL::Format.list(serving.map { |it| Amounts.on_one_line(it[:address]) })}."
      # It is done nevertheless.
      rescue Control::Failure
        "The deploy of #{upstream} is done."
      end

      def deploy(upstream, to, program)
        told = start(upstream, program) if program
        @out.print("#{told}\n") if told && !@json
        control.deploy(upstream, to: to, **@options) do |step|
          # From here on it serves, whatever becomes of this command.
          program&.release if %w[switched done].include?(step[:step])
          @out.print("#{@json ? json(step) : Amounts.on_one_line(step[:message])}\n")
          program&.check if step[:step] == "waiting"
        end
      rescue Control::Refused
        @err.puts program.last_lines if program
        raise
      end

      # Starts the application, unless nobody waits for it. Returns a sentence about it.
      def start(upstream, program)
        names = control.status[:upstreams].map { |known| known[:name] }
        return program.start if names.include?(upstream)

        there = names.empty? ? "this proxy has none" : "write #{DSL::Format.list(names).sub(" and ", " or ")}"
        raise Control::Refused.new(404, { error: "there is no upstream #{upstream.inspect}: #{there}" })
      end
    end
  end
end

require_relative "deploy/program"
