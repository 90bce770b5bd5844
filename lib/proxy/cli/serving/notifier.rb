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

        def ready = tell("READY=1")

        # Reports that a reload has begun. {#ready} ends it.
        def reloading =
          tell("RELOADING=1\nMONOTONIC_USEC=#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :microsecond)}")

        def stopping = tell("STOPPING=1")

        private

        # A failed message must not end the proxy. systemd times out and reports that itself.
        def tell(state)
          return if @address.nil? || @address.empty?

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
