# frozen_string_literal: true

require "socket"

module Proxy
  module CLI
    class Run < Serving
      # Looks whether the application is ready: it accepts a connection, or a page of it answers.
      class Readiness
        # Seconds between two looks.
        PAUSE = 0.05
        # Seconds that one look may take.
        LIMIT = 5
        # Number of connections that wait at a listening socket, in `struct tcp_info`: `tcpi_unacked`.
        WAITING = 24..27

        # Whether a listening socket tells how many connections wait at it.
        def self.waiting_known? = Socket.const_defined?(:TCP_INFO)

        # `path` is the page to ask for; nil: a connection is enough. `socket` is the listening socket, if it is ours:
        # it takes connections even if the application does not.
        def initialize(address, path, socket)
          @address = address
          @path = path
          @socket = socket
        end

        # Waits until the application is ready.
        def wait
          sleep PAUSE until ready?
        end

        private

        def ready?
          connection = connect
          @path ? answered?(connection) : accepted?(connection)
        rescue SystemCallError, IOError, SocketError
          false
        ensure
          connection&.close
        end

        def connect
          return UNIXSocket.new(@address.delete_prefix("unix:")) if @address.start_with?("unix:")

          host, _, port = @address.rpartition(":")
          Socket.tcp(host.delete("[]"), port.to_i, connect_timeout: LIMIT)
        end

        # Whether somebody has accepted the connection.
        def accepted?(connection)
          return true unless @socket

          deadline = clock + LIMIT
          sleep PAUSE / 5 while waiting.positive? && clock < deadline && !connection.closed?
          waiting.zero?
        end

        def waiting
          @socket.getsockopt(Socket::IPPROTO_TCP, Socket::TCP_INFO).data[WAITING].unpack1("L")
        end

        # Whether the page answers without an error. A redirect counts: `force_ssl` redirects.
        def answered?(connection)
          connection.write("GET #{@path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: proxy-ready\r\nAccept: */*\r\n" \
                           "Connection: close\r\n\r\n")
          connection.wait_readable(LIMIT)&.then { connection.readpartial(256).match?(%r{\AHTTP/1\.\d [23]\d\d}n) }
        end

        def clock = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
      private_constant :Readiness
    end
  end
end
