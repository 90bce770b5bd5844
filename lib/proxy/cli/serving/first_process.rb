# frozen_string_literal: true

module Proxy
  module CLI
    class Serving < Command
      # The first process of a container: the kernel gives it every process whose parent has ended, and it has to take
      # the exit status of each. A process of its own does that, so that no status is taken from Ruby code in a
      # Proxyfile that waits for a process which it has started. It also stays when another process takes the place of
      # the one that serves: without it the container would end.
      class FirstProcess
        # Signals that are passed on. The others stay as they are.
        PASSED = %w[HUP INT QUIT TERM USR1 USR2 TTIN TTOU URG WINCH].freeze
        # Signals of a terminal, which the whole process group gets.
        OF_TERMINALS = %w[INT QUIT WINCH].freeze

        # Divides this process if it is the first: returns in the new process, which does the work, the pipe that tells
        # the first one who serves; the first one only passes signals on and reaps. Does nothing in any other process.
        # The block is called in the first process alone, to close what only the other one needs.
        def self.divide(&block)
          new.divide(&block) if Process.pid == 1
        end

        def divide
          # Before the fork, so that no signal is lost; until then they wait here.
          early = []
          previous = PASSED.to_h { |name| [name, trap(name) { early << name }] }
          @reader, writer = IO.pipe
          @serving = fork
          unless @serving
            @reader.close
            previous.each { |name, handler| trap(name, handler || "DEFAULT") }
            return writer
          end

          writer.close
          yield if block_given?
          relay(early)
          exit!(reap)
        end

        private

        def relay(early)
          PASSED.each do |name|
            trap(name) { pass(name) }
          end
          early.each { |name| pass(name) }
        end

        def pass(name)
          Process.kill(name, serving) unless OF_TERMINALS.include?(name) && Signals.terminal?
        rescue Errno::ESRCH
          nil
        end

        # The process that serves: the one that has said so last.
        def serving
          said = @reader.read_nonblock(4096, exception: false)
          @serving = said.lines.last.to_i if said.is_a?(String)
          @serving
        end

        # Waits for every child until the one that serves ends. Returns its exit status.
        def reap
          loop do
            pid, status = Process.wait2(-1)
            return status.exitstatus || (128 + status.termsig) if pid == serving
          end
        end
      end
      private_constant :FirstProcess
    end
  end
end
