# frozen_string_literal: true

require "io/wait"
require "socket"

module Proxy
  module CLI
    class Serving < Command
      # Starts another process that takes the place of this one, and follows it until it serves: {Predecessor} is this
      # process as that one sees it. Until then, and if anything goes wrong, this process serves as before.
      class Upgrading
        # What came of it: the number of the new process, and the places of the sockets that it has no use for.
        Successor = Struct.new(:pid, :closing)

        # Seconds that the new process may take until it serves.
        LIMIT = 60

        # @return [Array<Symbol>] what was asked for meanwhile, in order
        attr_reader :meanwhile

        # `passed` are the sockets of a service manager; `pid_file` and `first` may be nil. `signals` gets an event when
        # it is over.
        def initialize(server, console, signals, launch, passed: nil, pid_file: nil, first: nil, limit: LIMIT)
          @server, @console, @signals, @launch = server, console, signals, launch
          @passed, @pid_file, @first, @limit = passed, pid_file, first, limit
          @meanwhile = []
        end

        def under_way? = !@thread.nil?

        # Begins, unless it is under way. Returns at once.
        def begin
          return @console.complain("A new process is being started already: wait until it serves.") if under_way?

          @thread = Thread.new do
            Thread.current.report_on_exception = false
            successor = replace
          ensure
            @signals.push(:upgraded, successor)
          end
        end

        # To be called when it is over.
        def over
          @thread = nil
          @meanwhile.tap { @meanwhile = [] }
        end

        # Ends the new process, since this one is to stop.
        def abandon
          @abandoned = true
          signal(:TERM)
          @thread&.join(FAREWELL)
          signal(:KILL)
        end

        private

        def replace
          talk, ready = start
          @console.say("PID #{@pid} is being started in the place of this process.")
          serves = follow(talk, ready) or return fail(nil)
          successor = Successor.new(@pid, Array.new(@count) { |place| place } - serves)
          @pid = nil
          successor
        rescue SystemCallError => error
          fail(error.message)
        ensure
          [talk, ready].each { |io| io&.close }
        end

        # Starts it. Returns our end of the socket, and the pipe that gets a byte.
        def start
          copies = @server.listening_copies
          sockets = copies.to_a
          @count = sockets.length
          talk, theirs = UNIXSocket.pair
          ready, told = IO.pipe
          extra = { talk: theirs, ready: told, pid: @pid_file&.io, first: @first }.compact
          numbers = extra.keys.each_with_index.to_h { |key, index| [key, Listeners::Passed::FIRST + @count + index] }
          descriptors = sockets.each_with_index.to_h { |(_, number), index| [Listeners::Passed::FIRST + index, number] }
          extra.each { |key, io| descriptors[numbers.fetch(key)] = io }
          variables = numbers.to_h { |key, number| [Predecessor::VARIABLES.fetch(key), number.to_s] }
          names = sockets.map { |url, number| Listeners::Passed.name_of(url, kept?(number)) }
          variables.update("LISTEN_FDS" => @count.to_s, "LISTEN_FDNAMES" => names.join(":")) if @count.positive?
          @pid = @launch.spawn(variables, descriptors)
          [talk, ready]
        ensure
          copies&.close
          [theirs, told].each { |io| io&.close }
        end

        def kept?(number)
          io = IO.for_fd(number, autoclose: false)
          @passed&.kept?(io.stat.ino)
        end

        # Answers its questions until it serves: returns the places of the sockets that it uses. nil if it ends before,
        # or takes too long.
        def follow(talk, ready)
          deadline = clock + @limit
          used = []
          loop do
            left = deadline - clock
            readable, = IO.select([talk, ready].compact, nil, nil, left) if left.positive?
            return unless readable

            if readable.include?(talk)
              question = talk.gets
              talk = nil if question.nil?
              tell(talk) if question == "state\n"
              used = question.split.drop(1).map(&:to_i) if question&.start_with?("serves ")
              next
            end
            return ready.read_nonblock(1, exception: false) && used
          end
        rescue SystemCallError
          nil
        end

        def tell(talk)
          state = @server.state_to_pass.to_s
          talk.write("#{state.bytesize}\n", state)
        end

        # Ends what is left of it, and says why it did not become anything.
        def fail(why)
          status = ending unless why
          # It may have written its own number.
          @pid_file&.write if @pid_file&.written?
          unless @abandoned
            @console.complain("#{why ? "No new process could be started: #{why}" : status}. This process goes on as " \
                              "before.")
          end
          @pid = nil
        end

        def ending
          name = "The new process (PID #{@pid})"
          _, status = Process.wait2(@pid, Process::WNOHANG)
          return "#{name} ended before it served#{", by #{word(status)}" if status}" if status || gone?

          signal(:KILL)
          Process.wait(@pid)
          "#{name} did not serve within #{Serving.seconds(@limit)}, and was killed"
        rescue SystemCallError
          "#{name} ended before it served"
        end

        # A process closes its descriptors a moment before it can be waited for.
        def gone?
          deadline = clock + FAREWELL
          until (ended = Process.wait2(@pid, Process::WNOHANG)) || clock > deadline
            sleep 0.01
          end
          @ended = ended&.last
        end

        def word(status)
          status.signaled? ? "SIG#{Signal.signame(status.termsig)}" : "exit status #{status.exitstatus}"
        end

        def signal(name)
          @pid && Process.kill(name, @pid)
        rescue SystemCallError
          nil
        end

        def clock = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
      private_constant :Upgrading
    end
  end
end
