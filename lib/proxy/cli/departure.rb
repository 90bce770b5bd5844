# frozen_string_literal: true

module Proxy
  module CLI
    # Base of the commands that end a process, and may wait for that.
    # @api private
    class Ending < Asking
      # The option, for the help texts.
      WAITING = <<~TEXT
        --wait              return only when its process has ended
      TEXT

      private

      def declare(options)
        super
        options.on("--wait") { @wait = true }
      end

      # Waits for the end of the process, if that was asked for. Returns whether it was.
      def departed?(pid)
        Departure.new(control, pid).wait if @wait
        @wait
      end
    end

    # The end of another process, which is waited for.
    # @api private
    class Departure
      # Seconds between two looks.
      LOOK = 0.1
      private_constant :LOOK

      def initialize(control, pid)
        @control = control
        @pid = pid
      end

      # Returns once the process has ended.
      def wait
        sleep LOOK while there?
      end

      private

      # Whether the process is there: on this machine, or where its control address is, if it answers.
      def there?
        return answers? if @control.place.start_with?("http://")

        Process.kill(0, @pid)
        !zombie?
      rescue Errno::ESRCH
        false
      rescue Errno::EPERM
        true
      end

      # Its parent may not have taken its exit status.
      def zombie?
        File.read("/proc/#{@pid}/stat").rpartition(")").last.split.first == "Z"
      rescue SystemCallError
        false
      end

      def answers?
        @control.status[:pid] == @pid
      rescue Control::Failure
        false
      end
    end
  end
end
