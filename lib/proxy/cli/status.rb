# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy status`
    # @api private
    class Status < Asking
      describe "show what a running proxy does", <<~HELP
        proxy status [UPSTREAM...] [--json]

        Prints what the proxy does, in figures of the second in which it looks, and all
        backends, or those of some upstreams: state, requests in flight and their limit,
        requests that wait, requests per second, failed ones in per cent since the
        start, the times within which 50, 95 and 99 % of the requests were answered, and
        what the health check says, with its reason if it fails.

          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Without an option it is the proxy that PROXY_CONTROL names, a path or a URL, or
        the one of ./Proxyfile. Exits with 0, or with 1 if none runs there.

        A backend is "ready", a ready "backup", "draining", "down", "unhealthy",
        "ejected" for a while after failures, "unchecked" before its first check, or
        "unresolved".

        Examples:
          proxy status
          proxy status --socket /run/proxy/control.sock
          proxy status --json | jq '.upstreams[].backends[] | select(.state != "ready")'
      HELP

      # Seconds between the two looks that rates are made from.
      BETWEEN = 1
      private_constant :BETWEEN

      private

      def obey(*upstreams)
        first = Sample.take(control)
        unknown = upstreams - first.status[:upstreams].map { |upstream| upstream[:name] }
        return unknown(unknown.first, first.status) unless unknown.empty?
        return answer(only(first.status, upstreams)) if @json

        sleep BETWEEN
        now = Sample.take(control)
        status = only(now.status, upstreams)
        change = now.since(first)
        answer(status) { [*Header.new(status, rate: change.rate).lines, "", *Table.new(status, change).lines] }
      end

      def only(status, names)
        return status if names.empty?

        { **status, upstreams: status[:upstreams].select { |upstream| names.include?(upstream[:name]) } }
      end

      def unknown(name, status)
        known = status[:upstreams].map { |upstream| upstream[:name] }
        told = known.empty? ? "this proxy has none" : "write #{DSL::Format.list(known).sub(" and ", " or ")}"
        raise Control::Refused.new(404, { error: "there is no upstream #{name.inspect}: #{told}" })
      end
    end
  end
end

require_relative "amounts"
require_relative "status/sample"
require_relative "status/header"
require_relative "status/columns"
require_relative "status/table"
