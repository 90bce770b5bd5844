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

      # Waits for the end of the process that has told the status, if that was asked for. Returns whether it was.
      def departed?(status)
        Departure.new(control, status).wait if @wait
        @wait
      end
    end

    # The end of another process, which is waited for.
    # @api private
    class Departure
      # Seconds between two looks.
      LOOK = 0.1
      # The namespace of process numbers of this process.
      NAMESPACE = "/proc/self/ns/pid"
      private_constant :LOOK, :NAMESPACE

      # `status` is what the process has told of itself.
      def initialize(control, status)
        @control = control
        @told, namespace = status.values_at(:pid, :pid_namespace)
        @pid = @told if namespace.nil? || inode(NAMESPACE) == namespace
        @pid ||= seen(namespace)
      end

      # Returns once the process has ended.
      def wait
        sleep LOOK while there?
      end

      private

      # Whether the process is there. One of another machine or container that cannot be seen from here is, as long as
      # it answers where its control address is.
      def there?
        return answers? if @pid.nil? || @control.place.start_with?("http://")

        Process.kill(0, @pid)
        !zombie?
      rescue Errno::ESRCH
        false
      rescue Errno::EPERM
        true
      end

      # The number here of the process that has another one in its own namespace; nil if it cannot be seen.
      def seen(namespace)
        Dir.children("/proc").grep(/\A\d+\z/).find { |number|
          inode("/proc/#{number}/ns/pid") == namespace && innermost(number) == @told
        }&.to_i
      end

      # The number of a process in its own namespace; nil if it has ended.
      def innermost(number)
        File.read("/proc/#{number}/status")[/^NSpid:.*\s(\d+)$/, 1]&.to_i
      rescue SystemCallError
        nil
      end

      def inode(path)
        File.stat(path).ino
      rescue SystemCallError
        nil
      end

      # Its parent may not have taken its exit status.
      def zombie?
        File.read("/proc/#{@pid}/stat").rpartition(")").last.split.first == "Z"
      rescue SystemCallError
        false
      end

      def answers?
        @control.status[:pid] == @told
      rescue Control::Failure
        false
      end
    end
  end
end
