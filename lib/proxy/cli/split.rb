# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy split`
    # @api private
    class Split < Asking
      describe "change how many requests a split sends to an upstream", <<~HELP
        proxy split UPSTREAM PERCENT [--json]

        Changes how many of the clients a `split` of the Proxyfile sends to an upstream,
        in per cent. It lasts until the Proxyfile says another number.

          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy split v2 20
          proxy split v2 0
      HELP

      private

      # The parser would take a negative number for an option.
      def parse(arguments)
        negative = arguments.index { |argument| argument.match?(/\A-[\d.]/) } || arguments.length
        super(arguments.take(negative)) + arguments.drop(negative)
      end

      def obey(*rest)
        upstream, percent, *more = rest
        return usage("write an upstream and a number, as in `proxy split v2 20`") unless percent
        return unexpected(more.first) if more.any?

        number = Float(percent.delete_suffix("%"), exception: false) if percent.match?(/\A[\d.]+%?\z/)
        return usage("#{percent.inspect} is no percentage: write a number from 0 to 100") unless
          number&.between?(0, 100)

        number = number.to_i if number == number.to_i
        answer(control.split(upstream, number)) { "#{number} % go to #{upstream}." }
      end
    end
  end
end
