# frozen_string_literal: true

require "socket"
require_relative "body"
require_relative "head"

module Proxy
  module Rack
    # A request as the engine gets it: its head as text, its sender and its body, made from the Rack environment.
    # @api private
    class Request
      # Headers by which Puma and Unicorn believe a client about the scheme.
      SCHEME_FIELDS = { "HTTP_X_FORWARDED_PROTO" => "https", "HTTP_X_FORWARDED_SCHEME" => "https",
                        "HTTP_X_FORWARDED_SSL" => "on" }.freeze
      private_constant :SCHEME_FIELDS

      # @return [Hash] the Rack environment
      attr_reader :env

      # With `hijack` the connection is handed over, if it can be.
      def initialize(env, hijack:)
        @env = env
        @hijack = hijack
        @socket = env["puma.socket"] || env["unicorn.socket"]
      end

      # Whether the server's engine has a handler for it. `brief`: its routes ask for no header.
      def for?(server, brief)
        server.takes?(brief ? Head.brief(env) : head, client)
      end

      # The body.
      def body = @body ||= Body.of(env)

      # The head, in HTTP/1.1 or 1.0.
      def head = @head ||= Head.of(env, body, direct: direct?)

      # Why the connection cannot be handed over; nil if it can be.
      def obstacle
        return @obstacle if defined?(@obstacle)

        @obstacle = @hijack ? find_obstacle : "hijack: false"
      end

      # Whether the connection itself goes to the engine, with all that the client has agreed on with the server.
      def direct? = obstacle.nil?

      # The sender as the engine takes it: address, whether the scheme is https, and the descriptor of its socket.
      def client
        @client ||= [text(env["REMOTE_ADDR"]), https?, descriptor]
      end

      # The client's connection as a plain socket; nil if it is unknown or has TLS.
      def plain_socket
        @socket if @socket.is_a?(::BasicSocket)
      end

      # Whether the server said that TLS lies between the client and it.
      def tls_socket? = !@socket.nil? && plain_socket.nil?

      # Whether the client asks for another protocol, such as a WebSocket.
      def upgrade?
        env.key?("HTTP_UPGRADE") && env["HTTP_CONNECTION"].to_s.match?(/\bupgrade\b/i)
      end

      def hijackable? = env["rack.hijack"].respond_to?(:call) && http1?

      # Whether the client sends its body only once it is told to, which Unicorn leaves to applications: it answers the
      # status 100 and asks again. Other servers answer by themselves.
      def awaits_continue?
        env.key?("unicorn.socket") && body.stream? && env["HTTP_EXPECT"].to_s.casecmp?("100-continue")
      end

      # The response to a request whose body was read by somebody else.
      def refuse_body
        what = env.values_at("REQUEST_METHOD", "PATH_INFO").join(" ")
        env["rack.errors"]&.puts("Proxy::Rack::Middleware: #{what}: the body has " \
                                 "fewer bytes than its Content-Length: something above has read the body: put the " \
                                 "middleware first")
        text = "Bad Request\n"
        [400, { Head.response_name("Content-Type") => "text/plain",
                Head.response_name("Content-Length") => text.bytesize.to_s }, [text]]
      end

      private

      def find_obstacle
        return "it speaks #{env["SERVER_PROTOCOL"]}" unless http1?
        return "the server does not support it" unless hijackable?
        return "it has TLS" if tls_socket?

        "its body must be read from the server" if body.stream?
      end

      def http1?
        protocol = env["SERVER_PROTOCOL"]
        protocol.nil? || protocol.start_with?("HTTP/1.")
      end

      # What the server itself knows of the scheme, and not what a client's header made of it.
      def https?
        https = env["HTTPS"]
        return true if https == "https" || https == "on" || tls_socket?

        env["rack.url_scheme"] == "https" &&
          SCHEME_FIELDS.none? { |name, value| env[name].to_s.downcase.start_with?(value) }
      end

      def descriptor
        socket = plain_socket || (@socket.to_io if @socket.respond_to?(:to_io))
        socket.fileno if socket.is_a?(::BasicSocket) && !socket.closed?
      end

      # An address is plain ASCII; Puma can be told to take a header for it.
      def text(value) = value.is_a?(String) && value.ascii_only? ? value : nil
    end
  end
end
