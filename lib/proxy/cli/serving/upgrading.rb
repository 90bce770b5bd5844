# frozen_string_literal: true

require "io/wait"
require "json"
require "socket"

module Proxy
  module CLI
    class Serving < Command
      # Starts another process that takes the place of this one, and follows it until it serves: {Predecessor} is this
      # process as that one sees it. Until then, and if anything goes wrong, this process serves as before.
      class Upgrading
        # What came of it: the number of the new process, and the places of the sockets that it has no use for.
        Successor = Struct.new(:pid, :closing)
        # Why nothing came of it, and the problems that the new process has told of, as {Control::Outcome} has them: nil
        # if it has ended without a word.
        Failure = Struct.new(:message, :problems)

        # Seconds that the new process may take until it serves.
        LIMIT = 60

        # `passed` are the sockets of a service manager; `pid_file` and `first` may be nil. `signals` gets an event when
        # it is over.
        def initialize(server, console, signals, launch, passed: nil, pid_file: nil, first: nil, limit: LIMIT)
          @server, @console, @signals, @launch = server, console, signals, launch
          @passed, @pid_file, @first, @limit = passed, pid_file, first, limit
          @meanwhile = []
        end

        def under_way? = !@thread.nil?

        # Begins, unless it is under way. Returns at once. `asker` is the reply of an order, which hears what came of
        # it; of a signal it is its number.
        def begin(asker)
          asker = nil unless asker.respond_to?(:tell)
          return refuse(asker) if under_way?

          @asker = asker
          @told = nil
          @thread = Thread.new do
            Thread.current.report_on_exception = false
            outcome = replace
          ensure
            @signals.push(:upgraded, outcome)
          end
        end

        # Notes a signal for this process or the next one, whichever serves then.
        def postpone(event, argument)
          @meanwhile << [event, argument]
        end

        # To be called when it is over: `outcome` is a Successor or a Failure, or nil if its thread was killed. Returns
        # the Successor, which has the sockets alone then; else nil, and what was postponed happens here.
        def over(outcome)
          @thread = nil
          meanwhile, @meanwhile = @meanwhile, []
          done = outcome.is_a?(Successor)
          # The asker's next question reaches the new process.
          done ? @server.leave(outcome.closing) : @server.stay
          @asker&.tell(*(done ? [200, { pid: outcome.pid }] : [409, failure(outcome)]))
          @asker = nil
          meanwhile.each { |event| done ? pass(outcome.pid, event) : @signals.push(*event) }
          outcome if done
        end

        # Ends the new process, since this one is to stop.
        def abandon
          return unless under_way?

          @abandoned = true
          signal(:TERM)
          signal(:KILL) unless @thread.join(FAREWELL)
          # It may have come to serve just now.
          outcome = @thread.join(FAREWELL)&.value
          Process.kill(:TERM, outcome.pid) if outcome.is_a?(Successor)
        rescue SystemCallError
          nil
        end

        private

        def refuse(asker)
          message = "a new process is being started already: wait until it serves"
          return asker.tell(409, Control::Outcome.failure("upgrade: #{message}")) if asker

          @console.complain("SIGUSR2: #{message}.")
        end

        def failure(outcome)
          why = outcome ? outcome.message : "its thread was killed"
          # It may have ended before it read the configuration.
          why = "#{why}: `proxy check` or the output of the proxy says why" if outcome && outcome.problems.nil?
          { **Control::Outcome.failure("upgrade: #{why}"), problems: outcome&.problems.to_a }
        end

        # Leaves a postponed event to the other process. It has read the configuration, but perhaps too early. Who has
        # given an order asks that one again, and hears of what comes of it.
        def pass(pid, (event, argument))
          return argument.tell(*Control::Outcome.moved(event, pid)) if argument.respond_to?(:tell)

          Process.kill(Signals::ORDERS.key(event), pid)
        rescue SystemCallError
          nil
        end

        def replace
          talk, ready = start
          @console.say("PID #{@pid} is being started in the place of this process.")
          serves = follow(talk, ready) or return fail
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
          copies = [@server.listening_copies, @server.control_copies]
          sockets, control = copies.map(&:to_a)
          @count = sockets.length
          names = sockets.map { |url, number| Listeners::Passed.name_of(url, kept?(number)) } +
                  control.map { |url, _| Listeners::Passed.name_of_control(url) }
          talk, theirs = UNIXSocket.pair
          ready, told = IO.pipe
          extra = { talk: theirs, ready: told, pid: @pid_file&.io, first: @first }.compact
          given = [*sockets.map(&:last), *control.map(&:last), *extra.values]
          descriptors = given.each_with_index.to_h { |io, index| [Listeners::Passed::FIRST + index, io] }
          variables = extra.keys.each_with_index.to_h do |key, index|
            [Predecessor::VARIABLES.fetch(key), (Listeners::Passed::FIRST + names.length + index).to_s]
          end
          variables.update("LISTEN_FDS" => names.length.to_s, "LISTEN_FDNAMES" => names.join(":")) if names.any?
          @pid = @launch.spawn(variables, descriptors)
          [talk, ready]
        ensure
          copies&.each(&:close)
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
              @told = problems(question) if question&.start_with?("failed ")
              used = question.split.drop(1).map(&:to_i) if question&.start_with?("serves ")
              next
            end
            return ready.read_nonblock(1, exception: false) && used
          end
        rescue SystemCallError
          nil
        end

        # What the new process says of its mistakes.
        def problems(line)
          list = JSON.parse(line.delete_prefix("failed "), symbolize_names: true)
          list if list.is_a?(Array)
        rescue JSON::ParserError
          nil
        end

        def tell(talk)
          state = @server.state_to_pass.to_s
          talk.write("#{state.bytesize}\n", state)
        end

        # Ends what is left of it, and says why it did not become anything.
        def fail(why = nil)
          @told ||= [] if why
          why = why ? "No new process could be started: #{why}" : ending
          # It may have written its own number.
          @pid_file&.write if @pid_file&.written?
          @pid = nil
          @console.complain("#{why}. This process goes on as before.") unless @abandoned
          Failure.new(why, @told)
        end

        def ending
          name = "The new process (PID #{@pid})"
          status = status_within(FAREWELL)
          return "#{name} ended before it served, by #{word(status)}" if status

          signal(:KILL)
          Process.wait(@pid)
          "#{name} did not serve within #{Serving.seconds(@limit)}, and was killed"
        rescue SystemCallError
          # A configuration has waited for all children of the process.
          "#{name} ended before it served"
        end

        # The status of the new process; nil if it does not end so soon. It closes its descriptors a moment before.
        def status_within(seconds)
          deadline = clock + seconds
          loop do
            _, status = Process.wait2(@pid, Process::WNOHANG)
            return status if status || clock > deadline

            sleep 0.01
          end
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
