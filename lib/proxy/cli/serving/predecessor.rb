# frozen_string_literal: true

require "io/wait"
require "json"
require "socket"

module Proxy
  module CLI
    class Serving < Command
      # The process whose place this one takes, as {Upgrading} left it: it tells what it knows when it is asked, and
      # ends once it hears that this one serves. Without one, nothing here does anything.
      class Predecessor
        # Names of the variables: descriptors of a socket to it, of a pipe that takes a byte once this process serves,
        # of the file of `--pid` with its lock, and of a pipe to the first process of the container.
        VARIABLES = { talk: "PROXY_UPGRADE_FD", ready: "PROXY_READY_FD", pid: "PROXY_PID_FD",
                      first: "PROXY_FIRST_FD" }.freeze
        # Seconds that it may take to tell what it knows.
        PATIENCE = 10
        # Problems that it is told of, at most.
        MOST = 100
        private_constant :MOST

        # Takes the descriptors, of which children are to know nothing.
        def initialize(env = ENV)
          @ios = VARIABLES.filter_map { |key, name|
            number = Integer(env.delete(name) || "", 10, exception: false)
            [key, io(key, number)] if number
          }.to_h.compact
        end

        # Whether there is one.
        def there? = @ios.key?(:talk)

        # The pipe to the first process of the container; nil if there is no such process.
        def first = @ios[:first]

        # The locked file of `--pid`; nil if there is none.
        def pid_file = @ios[:pid]

        # What it tells; nil if there is none, or if it does not answer.
        def state
          talk = @ios[:talk] or return
          talk.write("state\n")
          length = Integer(line(talk), 10)
          read(talk, length)
        rescue SystemCallError, IOError, ArgumentError, TypeError
          nil
        end

        # Tells it that this process serves, at the places of `used` among the sockets that it has passed.
        def served(used)
          @ios[:talk]&.write("serves #{used.join(" ")}\n")
          first&.write("#{Process.pid}\n") if there?
          @ios[:ready]&.write(".")
        rescue SystemCallError
          # It has ended meanwhile, which is what it is told for.
        ensure
          %i[talk ready].each { |key| @ios.delete(key)&.close }
        end

        # Tells it why this process does not come to serve: problems, and texts in their place.
        def refused(problems)
          @ios[:talk]&.write("failed #{JSON.generate(problems.first(MOST).map { |it| told(it) })}\n")
        rescue SystemCallError
          # It has ended meanwhile.
        end

        private

        def told(problem)
          problem.is_a?(Problem) ? Control::Outcome.problems([problem]).first : { message: Problem.text(problem) }
        end

        def io(key, number)
          io = case key
               when :talk then UNIXSocket.for_fd(number)
               when :pid then File.for_fd(number, "r+")
               else IO.for_fd(number, "w")
               end
          io.close_on_exec = true
          io.sync = true
          io
        rescue SystemCallError, ArgumentError
          nil
        end

        def line(talk)
          talk.wait_readable(PATIENCE) && talk.gets
        end

        def read(talk, length)
          text = +""
          while text.bytesize < length
            return unless talk.wait_readable(PATIENCE)

            text << talk.readpartial([length - text.bytesize, 65_536].min)
          end
          text.force_encoding(Encoding::UTF_8)
        end
      end
      private_constant :Predecessor
    end
  end
end
