# frozen_string_literal: true

module Proxy
  module CLI
    class Start
      # The signals of a server, and what else its main thread waits for, one after the other.
      class Signals
        # By name: what each asks for.
        ORDERS = { "INT" => :stop, "TERM" => :stop, "QUIT" => :stop, "HUP" => :reload, "USR1" => :reopen,
                   "USR2" => :upgrade }.freeze
        # How often it is looked whether the terminal is still there.
        LOOK = 1
        # Seconds within which the signal of a terminal that has gone is handled, also on a machine that is busy.
        HANDLED = 10

        def initialize
          open_standard_descriptors
          @events = Thread::Queue.new
          # What is waited at: a process all of whose threads waited for a queue would be taken for one that is stuck.
          @reader, @writer = IO.pipe
          # With `nohup` nothing is to end because of the terminal.
          ignores_hangup = take["HUP"] == "IGNORE"
          @terminal = !ignores_hangup && terminal?
          # Printing from the background stops nobody, whatever the terminal wants (`stty tostop`).
          Signal.trap("TTOU", "IGNORE")
        end

        # Takes the signals, also from a Proxyfile that has taken some for itself. Returns what was done about each
        # until now.
        def take
          ORDERS.to_h do |name, order|
            number = Signal.list.fetch(name)
            [name, Signal.trap(name) { receive(order, number) }]
          end
        end

        # From now on a signal is an event. Until then one that ends the server ends the process at once.
        def serving
          @serving = true
          watch_terminal if @terminal
        end

        # Waits for the next event: what a signal asks for and its number, or what was pushed.
        def next
          @reader.getbyte
          @events.pop
        end

        # Adds an event. A handler of a signal may do so too.
        def push(*event)
          @events << event
          @writer.write_nonblock(".", exception: false)
        end

        # Waits for a second signal that ends the server, and returns its number, or for the end of the server, and
        # returns nil.
        def second
          loop do
            event, number = self.next
            case event
            when :stop then return number
            when :stopped then return
            end
          end
        end

        private

        # Opens what is closed of the standard descriptors on /dev/null, before something else gets such a number and is
        # printed to.
        def open_standard_descriptors
          number = 0
          number = IO.sysopen(File::NULL, File::RDWR) while number <= 2
          IO.for_fd(number).close
        end

        # In the handler of a signal.
        def receive(order, number)
          exit!(128 + number) if order == :stop && !@serving
          order = :hang_up if order == :reload && @terminal && !terminal?
          push(order, number)
        end

        # Whether the process has a terminal that signals may come from.
        def terminal?
          File.open("/dev/tty", File::RDONLY | File::NONBLOCK | File::NOCTTY, &:close)
          true
        rescue SystemCallError
          false
        end

        # A terminal that has gone without a signal is none any more: a later SIGHUP is from somebody who means it.
        def watch_terminal
          Thread.new do
            sleep LOOK while terminal?
            sleep HANDLED
            @terminal = false
          end
        end
      end
      private_constant :Signals
    end
  end
end
