# frozen_string_literal: true

require "stringio"
require "tempfile"
require_relative "body"
require_relative "input"

module Proxy
  class Application
    # The other end of the connection is gone: the client went away, or a time limit was over.
    class Gone < IOError
    end
    private_constant :Gone

    # A request as the engine writes it, and its Rack environment. What the engine says is trusted: it has checked the
    # head, and the first line comes from the engine alone.
    class Request
      # Bytes of a body that are read into memory. A thread gets a request of this size only when it is complete.
      SMALL = 64 * 1024
      FIXED = {
        "rack.version" => [1, 3].freeze, "rack.multithread" => true, "rack.multiprocess" => false,
        "rack.run_once" => false, "rack.hijack?" => true, "SERVER_SOFTWARE" => "proxy #{VERSION}",
        "GATEWAY_INTERFACE" => "CGI/1.2"
      }.freeze
      # Names of fields in an environment, by the name as it was sent.
      KEYS = { "content-type" => "CONTENT_TYPE", "content-length" => "CONTENT_LENGTH" }
      # Names that are kept, so that clients cannot fill the memory.
      MOST_KEYS = 1000
      PORTS = { "http" => "80", "https" => "443" }.freeze
      private_constant :SMALL, :FIXED, :KEYS, :MOST_KEYS, :PORTS

      # Reads a request: the head, and the body if it is small. Raises {Gone}.
      def self.read(socket, prefix)
        data = String.new(capacity: 4096, encoding: Encoding::BINARY)
        Body.read_more(socket, data) until (length = data.index("\r\n\r\n"))
        new(socket, data.byteslice(0, length), data.byteslice(length + 4, data.bytesize), prefix)
      end

      attr_reader :env

      # `rest` are the bytes behind the head that have come.
      def initialize(socket, head, rest, prefix)
        lines = head.split("\r\n")
        @env = FIXED.dup
        introduced(lines.shift.split(" ", 7), lines.shift, prefix)
        lines.each { |line| field(line) }
        serving
        input(socket, rest)
        @env["rack.errors"] = $stderr
      end

      # Whether the client asked for another protocol.
      def upgrade? = @env.key?("HTTP_UPGRADE")

      # Frees the space of a large body.
      def close
        @file&.close
      end

      def head? = @env["REQUEST_METHOD"] == "HEAD"

      private

      # The engine's own line and the request line.
      def introduced((scheme, address, port, _, version, prefix_length, user), line, prefix)
        method, target, = line.split(" ", 3)
        path, query = target.split("?", 2)
        @env["rack.url_scheme"] = scheme
        @env["REMOTE_ADDR"] = address unless address == "-"
        @env["REMOTE_PORT"] = port unless port == "0"
        @env["REMOTE_USER"] = user unless user == "-"
        @env["SERVER_PROTOCOL"] = version
        @env["REQUEST_METHOD"] = method
        @env["REQUEST_URI"] = target
        @env["REQUEST_PATH"] = path
        @env["QUERY_STRING"] = query || ""
        @env["SCRIPT_NAME"] = prefix
        @env["PATH_INFO"] = prefix.empty? ? path : path.byteslice(prefix_length.to_i, path.bytesize)
      end

      def field(line)
        name, value = line.split(":", 2)
        value.strip!
        key = KEYS[name] || key(name)
        known = @env[key]
        @env[key] = known ? "#{known}#{key == "HTTP_COOKIE" ? "; " : ", "}#{value}" : value
      end

      def key(name)
        lower = name.downcase
        key = KEYS[lower] || "HTTP_#{lower.upcase.tr("-", "_")}"
        KEYS[name] = key if KEYS.length < MOST_KEYS
        key
      end

      # The name and port of the server, as the client called it.
      def serving
        host = @env["HTTP_HOST"].to_s
        name, port = host.match(/\A(\[[^\]]*\]|[^:]*)(?::(\d+))?\z/)&.captures
        @env["SERVER_NAME"] = name.nil? || name.empty? ? "localhost" : name
        @env["SERVER_PORT"] = port || PORTS.fetch(@env["rack.url_scheme"])
        @chunked = @env.delete("HTTP_TRANSFER_ENCODING")
        return @env.delete("HTTP_CONNECTION") unless upgrade?

        @env["rack.protocol"] = @env["HTTP_UPGRADE"].split(/\s*,\s*/)
      end

      def input(socket, rest)
        length = @chunked ? nil : @env["CONTENT_LENGTH"].to_i
        body = Body.new(socket, rest, length)
        start = String.new(encoding: Encoding::BINARY)
        while start.bytesize <= SMALL && (length.nil? || length <= SMALL) && (piece = body.next)
          start << piece
        end
        @env["rack.input"] = body.over? ? whole(StringIO.new(start)) : large(body, start)
      end

      # A large body: Rack 3 reads it as it comes, Rack 2 demands that it can be read again.
      def large(body, start)
        return Input.new(body, start) if defined?(::Rack.release) && ::Rack.release.to_i >= 3

        @file = Tempfile.create("proxy", binmode: true)
        File.unlink(@file.path)
        @file << start
        while (piece = body.next)
          @file << piece
        end
        @file.rewind
        whole(@file)
      end

      def whole(io)
        @env["CONTENT_LENGTH"] = io.size.to_s if @chunked
        io.set_encoding(Encoding::BINARY)
        io
      end
    end
    private_constant :Request
  end
end
