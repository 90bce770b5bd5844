# frozen_string_literal: true

module Proxy
  module CLI
    # Numbers as short texts, and texts of others as they are safe in a terminal.
    # @api private
    module Amounts
      # Characters that nobody sees, and that could move the cursor or show what follows in another order: those of
      # control and format (Unicode, categories Cc and Cf), and the ends of lines.
      UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/
      # One of them in a text of JSON. The end of a line is between texts there.
      UNSEEN_IN_JSON = /[\p{Cf}\p{Zl}\p{Zp}]|[^\P{Cc}\n]/
      # Units of time and their seconds.
      SPANS = [["d", 86_400], ["h", 3600], ["min", 60]].freeze
      private_constant :UNSEEN, :UNSEEN_IN_JSON, :SPANS

      # "45 s", "3 min", "2 h 5 min", "4 d 2 h"
      def self.span(seconds)
        seconds = seconds.to_i
        unit, size = SPANS.find { |_, length| seconds >= length }
        return "#{[seconds, 0].max} s" unless unit

        rest, smaller = SPANS[SPANS.index([unit, size]) + 1]&.then { |name, length| [seconds % size / length, name] }
        "#{seconds / size} #{unit}#{" #{rest} #{smaller}" if rest&.positive?}"
      end

      # "45s", "3min", "2h", "4d"
      def self.short_span(seconds)
        unit, size = SPANS.find { |_, length| seconds >= length }
        unit ? "#{(seconds / size).to_i}#{unit}" : "#{[seconds.to_i, 0].max}s"
      end

      # "0.4ms", "12ms", "1.3s", "75s"; "-" for nil
      def self.latency(seconds)
        return "-" unless seconds

        milliseconds = seconds * 1000.0
        return format("%.1fms", milliseconds) if milliseconds < 9.95
        return "#{milliseconds.round}ms" if milliseconds < 999.5

        seconds < 9.95 ? format("%.1fs", seconds) : "#{seconds.round}s"
      end

      # "0", "0.4", "12", "1.5k", "12k", "3.1M"
      def self.rate(number)
        return "0" if number.zero?

        divisor, unit = number < 999.5 ? [1.0, ""] : number < 999_500 ? [1e3, "k"] : [1e6, "M"]
        scaled = number / divisor
        "#{scaled < 9.95 ? format("%.1f", scaled).delete_suffix(".0") : scaled.round}#{unit}"
      end

      # "0", "0.3", "12", "100"; "-" where there are none
      def self.percent(part, whole)
        return "-" if whole.zero?

        rate(part * 100.0 / whole)
      end

      # Text of others as one line.
      def self.on_one_line(text) = text.to_s.gsub(UNSEEN, " ").strip

      # Text of others with the lines that it has.
      def self.on_lines(text) = text.to_s.split("\n", -1).map { |line| line.gsub(UNSEEN, " ") }.join("\n")

      # JSON that means the same, without such characters in its texts.
      def self.json(text)
        text.gsub(UNSEEN_IN_JSON) do |unseen|
          unseen.encode(Encoding::UTF_16BE).unpack("n*").map { |unit| format("\\u%04x", unit) }.join
        end
      end
    end
  end
end
