# frozen_string_literal: true

require "socket"
require_relative "tunnel"

module Proxy
  module Rack
    # Hands the client's connection over to the engine, by a full hijack.
    # @api private
    module Handover
      # Response to a request that comes while the engine stops.
      STOPPED = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
      private_constant :STOPPED

      # The triple that tells the server that there is nothing left to answer; nil if the connection is not handed over.
      # An upgrade over TLS is handed over too, with a tunnel in between.
      def self.answer(request, server)
        return unless request.direct? || tunnelled?(request)

        hijack = request.env["rack.hijack"]
        io = hijacked(hijack) or return
        adopt(request, server, request.plain_socket || io, io)
        # Every middleware passes -1 on but Rack::Lint, which takes the status of an upgrade.
        [request.upgrade? || checked?(hijack) ? 101 : -1, {}, []]
      end

      def self.tunnelled?(request)
        request.obstacle == "it has TLS" && request.upgrade? && !request.body.stream?
      end
      private_class_method :tunnelled?

      # Some servers say that they support it, and raise.
      def self.hijacked(hijack)
        hijack.call
      rescue NotImplementedError
        nil
      end
      private_class_method :hijacked

      def self.checked?(hijack)
        hijack.respond_to?(:source_location) && hijack.source_location&.first.to_s.end_with?("rack/lint.rb")
      end
      private_class_method :checked?

      # Gives the engine a descriptor of its own and closes the server's. What is no plain socket, such as one with TLS,
      # is copied to and from a pair of sockets.
      def self.adopt(request, server, socket, io)
        head, body, client = request.head, request.body.taken, request.client
        if socket.is_a?(::BasicSocket)
          server.adopt(socket.fileno, head, body, client)
          socket.close
        else
          ours, theirs = ::UNIXSocket.pair
          server.adopt(theirs.fileno, head, body, client)
          theirs.close
          Tunnel.start(io, ours)
        end
      rescue Error
        [ours, theirs].compact.each(&:close)
        io.write(STOPPED)
        io.close
      end
      private_class_method :adopt
    end
  end
end
