# frozen_string_literal: true

require "json"

module Proxy
  module CLI
    # `proxy certificates`
    # @api private
    class Certificates < Command
      describe "list the certificates, and renew one", <<~HELP
        proxy certificates [-c PATH] [--json]
        proxy certificates renew NAME [-c PATH]

        Lists the certificates that clients are shown, and those that the proxy tries to
        get: names, kind, authority, end, next attempt, and what went wrong last. It
        reads the configuration and the storage of `acme`; no server needs to run. Run
        it as the user that runs the proxy.

        With `renew` the certificate of NAME is ordered before it is time. A proxy that
        runs with the same storage does that; this waits for it, and exits with 1 if it
        fails or if no proxy runs.

          -c, --config PATH   the configuration; else Proxyfile, then config/proxy.rb
              --json          print one JSON object instead
          -h, --help          this text

        The JSON object has "file" and "certificates", an array of objects with "names",
        "kind" ("managed", "file" or "development"), "bind", "authority", "expires",
        "next_attempt" (ISO 8601, in UTC), "failures" and "last_error". What is not
        known is null. More keys may come; these stay.

        Examples:
          proxy certificates
          proxy certificates renew example.com
          proxy certificates --json | jq '.certificates[] | select(.last_error)'
      HELP

      # What became of a renewal that did not succeed and has no error.
      OTHERWISE = {
        "nobody_there" => "was not renewed: no proxy runs with this storage, so start one",
        "under_way" => "is not renewed yet: it goes on, and `proxy certificates` says what becomes of it"
      }.freeze
      private_constant :OTHERWISE

      private

      def declare(options)
        config_option(options)
        options.on("--json") { @json = true }
      end

      def call(*rest)
        case rest
        in [] then list
        in ["renew", name] then @json ? usage("--json belongs to the list: leave it out") : renew(name)
        in ["renew"] then usage("renew needs a name: write renew example.com")
        in ["renew", _, other, *] then unexpected(other)
        in [other, *] then unexpected(other)
        end
      end

      def list
        with_blocks do |config, blocks|
          certificates = Native.certificates(config.to_h, blocks).map { |facts| Certificate.new(facts) }
          next print_json(config, certificates) if @json
          next @out.puts("#{config.file} has no certificates.") if certificates.empty?

          @out.puts Table.new(certificates, Time.now).lines
        end
      end

      def renew(name)
        with_blocks do |config, blocks|
          became = Native.renew_certificate(config.to_h, blocks, name)
          next failed("#{name} was not renewed: #{became.dig("failed", :error)}") if became.is_a?(Hash)
          next failed("#{name} #{OTHERWISE.fetch(became)}.") unless became == "done"

          @out.puts "#{name} has a new certificate."
        rescue ArgumentError => error
          failed("proxy certificates: #{error.message}")
        rescue Interrupt
          failed("#{name} is not waited for any more. A proxy that has begun to renew it goes on.")
        end
      end

      def failed(message)
        @err.puts Amounts.on_lines(message)
        FAILED
      end

      # Reads the configuration, and runs its blocks meanwhile: the storage may be an object.
      def with_blocks
        configured do |config|
          running = Blocks.new
          yield config, running.take(config.blocks)
        ensure
          running&.finish(0)
        end
      end

      def print_json(config, certificates)
        listed = certificates.map do |certificate|
          certificate.to_h.transform_values { |value| value.is_a?(Time) ? value.getutc.strftime("%FT%TZ") : value }
        end
        @out.puts Amounts.json(JSON.pretty_generate(file: config.file, certificates: listed))
        OK
      end
    end
  end
end

require_relative "certificates/table"
