# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy deploy`
    # @api private
    class Deploy < Asking
      describe "replace the backends of an upstream by new ones", <<~HELP
        proxy deploy UPSTREAM --to ADDRESS... [OPTIONS]

        Adds new backends to an upstream, waits until all are healthy, sends requests to
        them alone, and removes the old ones once their requests have finished. If a new
        one does not become healthy, the old ones stay, and it exits with 1 and the
        reason of the last check.

              --to ADDRESS        a new backend; repeatable
              --health PATH       what is asked for; else what the upstream's
                                  health_check says
              --timeout SECONDS   for the new ones to become healthy; else 30
              --drain SECONDS     for requests in flight at the old ones; else 30
              --tunnels SECONDS   for their WebSockets; else as long as --drain
              --command COMMAND   the proxy starts the application with this first
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
        options.on("--command COMMAND", String) { |command| @options[:command] = command }
        %i[timeout drain tunnels].each do |option|
          number_option(options, "--#{option} SECONDS") { |number| @options[option] = number }
        end
      end

      def obey(*upstreams)
        # Several addresses may follow one --to.
        upstream, *more = upstreams
        to = [*@to, *(more if @to)]
        return usage("write the upstream: `proxy status` shows the names") if upstream.nil?
        return usage("write the new backends, such as --to 127.0.0.1:3002") if to.empty?

        facts = control.deploy(upstream, to: to, **@options) { |step| report(step) }
        @out.puts(@json ? JSON.generate(facts) : "#{upstream} is served by #{DSL::Format.list(to)}.")
        OK
      end

      def report(step)
        @out.print("#{@json ? JSON.generate(step) : Amounts.on_one_line(step[:message])}\n")
      end
    end
  end
end

require_relative "amounts"
