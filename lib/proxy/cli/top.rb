# frozen_string_literal: true

require "io/console"

module Proxy
  module CLI
    # `proxy top`
    # @api private
    class Top < Asking
      describe "watch what a running proxy does", <<~HELP
        proxy top [--count N] [--sort COLUMN] [--json]

        Shows what `proxy status` shows, anew each second. ERR% is of the last ten
        seconds. In a terminal q ends it, and s sorts the backends of each upstream by
        the next column. Without one it prints a block of lines each second.

              --count N           end after so many seconds
              --sort COLUMN       name, busy, requests, errors or latency
          NAMING
              --json              print one JSON object in a line each second
          -h, --help              this text

        Examples:
          proxy top
          proxy top --count 60 > figures.txt
      HELP

      private

      def declare(options)
        super
        whole_option(options, "--count N", 1) { |number| @count = number }
        options.on("--sort COLUMN", String) do |name|
          known = DSL::Format.list(Order::NAMES).sub(" and ", " or ")
          raise OptionParser::InvalidArgument, "#{name}: write #{known}" unless Order::NAMES.include?(name)

          @sort = name
        end
      end

      def perform
        pages = Pages.new(@sort || Order::NAMES.first)
        return watch(pages) if !@json && terminal?

        each_second { |status| show(pages, status) or return OK }
        OK
      rescue Interrupt
        OK
      end

      def lines? = true

      # Yields what the proxy says each second.
      def each_second
        seen = 0
        follow do |event|
          next unless event.name == :figures

          yield event.data
          seen += 1
          break if seen == @count
        end
        raise Control::NoAnswer, "the proxy has ended" unless seen == @count
      end

      # Prints one block; false if nobody reads any more.
      def show(pages, status)
        return @out.print("#{json(status)}\n") if @json

        text = pages.add(status).join("\n")
        @out.print("#{"\n" if @shown}#{text}\n").tap { @shown = true }
      end

      def terminal?
        @out.io.respond_to?(:tty?) && @out.io.tty? && $stdin.tty?
      end

      # Shows one page over the other until a key ends it.
      def watch(pages)
        screen = Screen.new(@out.io, $stdin)
        ended = false
        asking = Thread.new do
          Thread.current.report_on_exception = false
          each_second { |status| screen.push(status) }
        ensure
          ended = true
          screen.close
        end
        screen.run(pages)
        # What went wrong is told after the terminal is as it was.
        asking.value if ended
        OK
      ensure
        asking&.kill
      end
    end
  end
end

require_relative "status"
require_relative "top/order"
require_relative "top/pages"
require_relative "top/screen"
