# frozen_string_literal: true

module Proxy
  module CLI
    class Serving < Command
      # Reports the state of the service to systemd, if the unit has `Type=notify`: the socket is in NOTIFY_SOCKET
      # (sd_notify(3)).
      class Notifier
        # Seconds that a message waits for room among those that systemd has not read yet.
        PATIENCE = 1
        private_constant :PATIENCE

        # `address` is the value of NOTIFY_SOCKET; a name that begins with @ is an abstract socket, not a file.
        def initialize(address = ENV.fetch("NOTIFY_SOCKET", nil))
          @address = address&.sub(/\A@/, "\0")
          # {Heartbeat} has a thread of its own.
          @lock = Mutex.new
        end

        # Whether anybody wants to know, and not of another process by now.
        def there? = !(@address.nil? || @address.empty?)

        # Reports that this process serves. It may have taken the place of another one.
        def ready = tell("READY=1\nMAINPID=#{Process.pid}")

        # Reports that another process serves in the place of this one. It is the last message: a later sign of life
        # would pass for one of that process, which may hang.
        def main(pid) = tell("MAINPID=#{pid}", last: true)

        # Tells a person how it is: the line that `systemctl status` shows.
        def status(text) = tell("STATUS=#{text}")

        # Shows that the service is not stuck.
        def alive = tell("WATCHDOG=1")

        # Reports that a reload has begun. {#ready} ends it.
        def reloading =
          tell("RELOADING=1\nMONOTONIC_USEC=#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :microsecond)}")

        def stopping = tell("STOPPING=1")

        private

        def tell(state, last: false)
          @lock.synchronize do
            transmit(state) if there?
            @address = nil if last
          end
        end

        # A failed message must not end the proxy. systemd times out and reports that itself.
        def transmit(state)
          require "socket"
          require "io/wait"
          socket = Socket.new(:UNIX, :DGRAM)
          socket.connect(Socket.sockaddr_un(@address))
          socket.sendmsg_nonblock(state) if socket.wait_writable(PATIENCE)
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
