# frozen_string_literal: true

module Proxy
  module CLI
    class Serving < Command
      # Reports the state of the service to systemd, if the unit has `Type=notify`: the socket is in NOTIFY_SOCKET
      # (sd_notify(3)).
      class Notifier
        # `address` is the value of NOTIFY_SOCKET; a name that begins with @ is an abstract socket, not a file.
        def initialize(address = ENV.fetch("NOTIFY_SOCKET", nil))
          @address = address&.sub(/\A@/, "\0")
        end

        # Whether anybody wants to know.
        def there? = !(@address.nil? || @address.empty?)

        # Reports that this process serves. It may have taken the place of another one.
        def ready = tell("READY=1\nMAINPID=#{Process.pid}")

        # Reports that another process serves in the place of this one.
        def main(pid) = tell("MAINPID=#{pid}")

        # Tells a person how it is: the line that `systemctl status` shows.
        def status(text) = tell("STATUS=#{text}")

        # Shows that the service is not stuck.
        def alive = tell("WATCHDOG=1")

        # Reports that a reload has begun. {#ready} ends it.
        def reloading =
          tell("RELOADING=1\nMONOTONIC_USEC=#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :microsecond)}")

        def stopping = tell("STOPPING=1")

        private

        # A failed message must not end the proxy. systemd times out and reports that itself.
        def tell(state)
          return unless there?

          require "socket"
          socket = Socket.new(:UNIX, :DGRAM)
          socket.connect(Socket.sockaddr_un(@address))
          socket.sendmsg_nonblock(state)
        rescue SystemCallError, ArgumentError
          nil
        ensure
          socket&.close
        end
      end
      private_constant :Notifier
    end
  end
end
