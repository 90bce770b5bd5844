# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy maintenance`
    # @api private
    class Maintenance < Asking
      describe "answer the requests of an upstream with a message", <<~HELP
        proxy maintenance UPSTREAM | --all [OPTIONS]
        proxy maintenance UPSTREAM | --all --off

        Answers all requests for an upstream with 503 and a message, until --off.
        Requests in flight go on.

              --all               all upstreams, in place of one
              --message TEXT      what people read
              --allow CIDR        addresses that are served nevertheless; repeatable
              --bypass            print a path that lets your browser through
              --retry-after SECS  when clients are told to come again
              --off               end it
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy maintenance app --message "Back at noon." --allow 10.0.0.0/8
          proxy maintenance app --off
      HELP

      private

      def declare(options)
        super
        options.on("--all") { @all = true }
        options.on("--message TEXT", String) { |text| @message = text }
        options.on("--allow CIDR", String) { |network| (@allow ||= []) << network }
        options.on("--bypass") { @bypass = true }
        whole_option(options, "--retry-after SECONDS", 0) { |number| @retry_after = number }
        options.on("--off") { @off = true }
      end

      def obey(*upstreams)
        return usage("#{upstreams.first} and --all exclude each other: leave one out") if @all && upstreams.any?
        return usage("--off ends it: leave #{extra} out") if @off && extra
        return begin_or_end(nil, "all upstreams") if @all

        one(upstreams, "write the upstream, or --all") { |upstream| begin_or_end(upstream, upstream) }
      end

      # An option that has no meaning at the end.
      def extra
        { "--message" => @message, "--allow" => @allow, "--bypass" => @bypass,
          "--retry-after" => @retry_after }.find { |_, given| given }&.first
      end

      def begin_or_end(upstream, shown)
        return answer(control.end_maintenance(upstream)) { "Maintenance of #{shown} is over." } if @off

        facts = control.maintenance(upstream, message: @message, allow: @allow || [], bypass: @bypass || false,
                                              retry_after: @retry_after)
        answer(facts) do
          ["Maintenance of #{shown} has begun. `proxy maintenance #{upstream || "--all"} --off` ends it.",
           *(facts[:bypass] && "Open this path in a browser once to be served: #{facts[:bypass]}")]
        end
      end
    end
  end
end
