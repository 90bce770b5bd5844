# frozen_string_literal: true

module Proxy
  module CLI
    class Certificates
      # The list as text.
      # @api private
      class Table
        HEAD = ["NAMES", "KIND", "FROM", "EXPIRES (UTC)", "NEXT ATTEMPT (UTC)"].freeze
        private_constant :HEAD

        def initialize(certificates, now)
          @certificates = certificates
          @now = now
        end

        # A line for each certificate, with a second one if the last attempt failed.
        def lines
          rows = [HEAD, *@certificates.map { |certificate| row(certificate) }]
          widths = rows.transpose.map { |column| column.map(&:length).max }
          head, *rest = rows.map { |cells| cells.zip(widths).map { |cell, width| cell.ljust(width) }.join("  ").rstrip }
          [head, *rest.zip(@certificates).flat_map { |line, certificate| [line, *trouble(certificate)] }]
        end

        private

        def row(certificate)
          names = certificate.names.empty? ? "(none)" : certificate.names.join(", ")
          [names, certificate.kind.to_s, certificate.authority || certificate.bind || "-", ending(certificate),
           attempt(certificate)]
        end

        def ending(certificate)
          ends = certificate.expires or return "none yet"
          ends < @now ? "#{shown(ends)}, expired" : shown(ends)
        end

        def attempt(certificate)
          attempt = certificate.next_attempt or return "-"
          attempt < @now ? "now" : shown(attempt)
        end

        def trouble(certificate)
          return unless certificate.last_error

          times = certificate.failures > 1 ? " (#{certificate.failures} times)" : ""
          "  failed#{times}: #{Amounts.on_one_line(certificate.last_error)}"
        end

        def shown(time)
          time.getutc.strftime("%F %H:%M")
        end
      end
    end
  end
end
