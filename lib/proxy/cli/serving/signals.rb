# frozen_string_literal: true

require "io/wait"

module Proxy
  module CLI
    class Serving < Command
      # A queue of events for the main thread: signals and other events, one after the other.
      class Signals
        # The action of each signal.
        ORDERS = { "INT" => :stop, "TERM" => :stop, "QUIT" => :stop, "HUP" => :reload, "USR1" => :reopen,
                   "USR2" => :upgrade }.freeze
        # Seconds between two checks whether the terminal is still there.
        LOOK = 1

        # Whether the process has a terminal that signals may come from.
        def self.terminal?
          File.open("/dev/tty", File::RDONLY | File::NONBLOCK | File::NOCTTY, &:close)
          true
        rescue SystemCallError
          false
        end

        # `orders` has the action of each signal, by its name.
        def initialize(orders = ORDERS)
          @orders = orders
          open_standard_descriptors
          @events = Thread::Queue.new
          # The main thread waits at a pipe: Ruby reports a deadlock if all threads wait for a queue.
          @reader, @writer = IO.pipe
          # With `nohup` the end of the terminal must not stop the server.
          ignores_hangup = take["HUP"] == "IGNORE"
          @terminal = !ignores_hangup && terminal?
          ignore_output_stop if terminal? || !@orders.key?("TTOU")
        end

        # Traps the signals, also those that a Proxyfile has trapped. Returns the previous handlers by name.
        def take
          @orders.to_h do |name, order|
            number = Signal.list.fetch(name)
            [name, Signal.trap(name) { receive(order, number) }]
          end
        end

        # Makes signals events from now on. Before this call, a signal that stops the server ends the process at once.
        def serving
          @serving = true
          watch_terminal if @terminal
        end

        # Waits for the next event: the action of a signal and its number, or a pushed event. With a `limit` in seconds,
        # nil if none comes.
        def next(limit = nil)
          return if limit && !@reader.wait_readable(limit)

          @reader.getbyte
          @events.pop
        end

        # Whether the signals of a terminal reach this process: it has one and is in the foreground there, where known.
        def foreground?
          return false unless terminal?

          # Behind the name of the command: state, parent, process group, session, terminal, the terminal's foreground
          # group (proc(5)).
          fields = File.read("/proc/self/stat").rpartition(")").last.split
          fields[2] == fields[5]
        rescue SystemCallError
          true
        end

        # Adds an event. Safe in a signal handler.
        def push(*event)
          @events << event
          @writer.write_nonblock(".", exception: false)
        end

        # Waits for a second stop signal and returns its number, or for the end of the server and returns nil. The block
        # gets every other event.
        def second
          loop do
            event, argument = self.next
            case event
            when :stop then return argument
            when :stopped then return
            else yield(event, argument) if block_given?
            end
          end
        end

        private

        # Opens closed standard descriptors on /dev/null. Otherwise another file could get such a number and receive our
        # output.
        def open_standard_descriptors
          number = 0
          number = IO.sysopen(File::NULL, File::RDWR) while number <= 2
          IO.for_fd(number).close
        end

        # Printing from the background must not stop the process (`stty tostop`).
        def ignore_output_stop
          @orders = @orders.except("TTOU")
          Signal.trap("TTOU", "IGNORE")
        end

        # Called in a signal handler.
        def receive(order, number)
          exit!(128 + number) if order == :stop && !@serving
          order = :hang_up if order == :reload && @terminal && !terminal?
          push(order, number)
        end

        def terminal? = Signals.terminal?

        # Notices a terminal that went away without a signal: a later SIGHUP is then a request to reload.
        def watch_terminal
          Thread.new do
            sleep LOOK while terminal?
            sleep LOOK
            @terminal = false
          end
        end
      end
      private_constant :Signals
    end
  end
end
