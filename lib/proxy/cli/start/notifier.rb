# frozen_string_literal: true

module Proxy
  module CLI
    class Start
      # Tells systemd how far the service is, where it wants to know: a unit of `Type=notify` names a socket for that
      # (sd_notify(3)).
      class Notifier
        # `address` is what systemd has set NOTIFY_SOCKET to; a name that begins with @ is none of a file.
        def initialize(address = ENV.fetch("NOTIFY_SOCKET", nil))
          @address = address&.sub(/\A@/, "\0")
        end

        def ready = tell("READY=1")

        # {#ready} ends it.
        def reloading =
          tell("RELOADING=1\nMONOTONIC_USEC=#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :microsecond)}")

        def stopping = tell("STOPPING=1")

        private

        # Whoever hears nothing of it waits, says so in the end, and is not helped by a proxy that ends because of that.
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
