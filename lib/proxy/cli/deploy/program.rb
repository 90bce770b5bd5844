# frozen_string_literal: true

require "tempfile"

module Proxy
  module CLI
    class Deploy
      # The application that a deploy starts: a session of its own, which goes on once it serves.
      # @api private
      class Program
        # Last lines of its output that are shown if it fails.
        LINES = 10
        # Seconds that it has after SIGTERM.
        GRACE = 5
        private_constant :LINES, :GRACE

        def initialize(command)
          @command = command
        end

        # Starts it, and returns a sentence about that. Its output goes to a file, which stays: nobody else would read
        # it.
        # @raise [Control::Failure] if there is no such command
        def start
          @output = Tempfile.create("proxy-deploy-")
          reader, writer = IO.pipe
          @pid = fork { become(reader, writer) }
          writer.close
          trouble = reader.read
          raise Control::Failure, "#{@command}: #{trouble}" unless trouble.empty?

          @waiter = Process.detach(@pid)
          "PID #{@pid} has started. Its output goes to #{@output.path}."
        ensure
          reader&.close
        end

        # Notices that it has failed. One that has ended well has started something in the background.
        # @raise [Control::Failure]
        def check
          return if @waiter.alive? || @waiter.value.success?

          raise Control::Failure, ["the command has ended (#{@waiter.value.to_s.sub(/\Apid \d+ /, "")})", *last_lines]
            .join("\n")
        end

        # The end of its output.
        def last_lines = @output ? File.readlines(@output.path, chomp: true).last(LINES) : []

        # Lets it go on.
        def release
          @waiter = nil
        end

        # Ends it, unless it was released.
        def stop
          return unless @waiter&.alive?

          Process.kill("TERM", -@pid)
          Process.kill("KILL", -@pid) unless @waiter.join(GRACE)
        rescue Errno::ESRCH, Errno::EPERM
          nil
        end

        private

        def become(reader, writer)
          reader.close
          Process.setsid
          $stdin.reopen(File::NULL)
          [$stdout, $stderr].each { |io| io.reopen(@output) }
          exec(@command)
        rescue SystemCallError => error
          writer.write(error.message[/\A[^@-]+/].strip)
          exit!(127)
        end
      end
    end
  end
end
