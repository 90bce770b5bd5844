# frozen_string_literal: true

module Proxy
  module CLI
    class Run < Serving
      # The first process of a container: the kernel gives it every process whose parent has ended, and it has to take
      # the exit status of each. A process of its own does that, so that no status is taken from Ruby code in a
      # Proxyfile that waits for a process which it has started.
      class Reaper
        # Signals that are passed on. The others stay as they are.
        PASSED = %w[HUP INT QUIT TERM USR1 USR2 TTIN TTOU URG WINCH].freeze
        # Signals of a terminal, which the whole process group gets.
        OF_TERMINALS = %w[INT QUIT WINCH].freeze

        # Divides this process if it is the first: returns in the new process, which does the work, while this one only
        # passes signals on and reaps. Does nothing in any other process.
        def self.divide
          new.divide if Process.pid == 1
        end

        def divide
          # Before the fork, so that no signal is lost; until then they wait here.
          early = []
          previous = PASSED.to_h { |name| [name, trap(name) { early << name }] }
          worker = fork
          unless worker
            previous.each { |name, handler| trap(name, handler || "DEFAULT") }
            return
          end

          relay(worker, early)
          exit!(reap(worker))
        end

        private

        def relay(worker, early)
          PASSED.each do |name|
            trap(name) { pass(name, worker) }
          end
          early.each { |name| pass(name, worker) }
        end

        def pass(name, worker)
          Process.kill(name, worker) unless OF_TERMINALS.include?(name) && Signals.terminal?
        rescue Errno::ESRCH
          nil
        end

        # Waits for every child until the worker ends. Returns the worker's exit status.
        def reap(worker)
          loop do
            pid, status = Process.wait2(-1)
            return status.exitstatus || (128 + status.termsig) if pid == worker
          end
        end
      end
      private_constant :Reaper
    end
  end
end
