# frozen_string_literal: true

module Proxy
  module CLI
    class Top
      # A terminal that shows one page over the other.
      # @api private
      class Screen
        # The other page of the terminal, without a cursor; and back.
        ENTER = "\e[?1049h\e[?25l"
        LEAVE = "\e[?25h\e[?1049l"
        # Beginning of the page; ends of a line and of the page, with what stood behind them.
        HOME = "\e[H"
        LINE_END = "\e[K\r\n"
        PAGE_END = "\e[K\e[J"
        private_constant :ENTER, :LEAVE, :HOME, :LINE_END, :PAGE_END

        def initialize(out, keys)
          @out = out
          @keys = keys
          @events = Thread::Queue.new
        end

        # Hands a status over. For another thread.
        def push(status) = @events << [:status, status]

        # Ends {#run}. For another thread.
        def close = @events << [:quit]

        # Shows pages until q or Ctrl-C, or until {#close}.
        def run(pages)
          resized = trap("WINCH") { @events << [:draw] }
          suspended = trap("TSTP") { @events << [:suspend] }
          enter
          reading = Thread.new { read_keys }
          loop do
            event, argument = @events.pop
            case event
            when :quit then return
            when :status then draw(pages.add(argument))
            when :draw then draw(pages.lines)
            when :suspend then suspend { draw(pages.lines) }
            when :sort
              pages.order = pages.order.next
              draw(pages.lines, "sorted by #{pages.order.name}")
            end
          end
        ensure
          reading&.kill
          trap("WINCH", resized || "DEFAULT")
          trap("TSTP", suspended || "DEFAULT")
          leave
        end

        private

        # Keys come one by one and are not shown. Ctrl-C and Ctrl-Z stay signals.
        def enter
          @mode = @keys.console_mode
          @keys.raw!(intr: true)
          @out.print(ENTER)
          @out.flush
        end

        def leave
          return unless @mode

          @out.print(LEAVE)
          @out.flush
          @keys.console_mode = @mode
        rescue SystemCallError, IOError
          # The terminal is gone.
          nil
        end

        # Gives the terminal back until the shell continues us.
        def suspend
          leave
          Process.kill("STOP", Process.pid)
          enter
          yield
        end

        def read_keys
          loop do
            case @keys.getc
            when nil, "q", "Q" then @events << [:quit]
            when "s", "S" then @events << [:sort]
            end
          end
        rescue SystemCallError, IOError
          @events << [:quit]
        end

        # As much as the terminal has room for. The last line has the keys.
        def draw(lines, note = nil)
          height, width = size
          shown = lines.first([height - 1, 0].max)
          hidden = lines.length - shown.length
          foot = ["q: quit, s: sort", note, ("#{hidden} more lines" if hidden.positive?)].compact.join("   ")
          page = [*shown, foot].map { |line| line[0, width] }
          @out.print(HOME, page.join(LINE_END), PAGE_END)
          @out.flush
        rescue SystemCallError, IOError
          @events << [:quit]
        end

        def size
          height, width = @out.winsize
          height.zero? || width.zero? ? [24, 80] : [height, width]
        end
      end
    end
  end
end
