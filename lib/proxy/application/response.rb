# frozen_string_literal: true

require_relative "stream"

module Proxy
  class Application
    # The response of an application, as HTTP/1.1 for the engine.
    class Response
      NAME = /\A[!#$%&'*+.^_`|~0-9A-Za-z-]+\z/.freeze
      # Bytes that would end a field, and so let a value write fields of its own.
      CONTROL = /[\r\n\0]/.freeze
      REASONS = {
        101 => "Switching Protocols", 200 => "OK", 201 => "Created", 202 => "Accepted", 204 => "No Content",
        206 => "Partial Content", 301 => "Moved Permanently", 302 => "Found", 303 => "See Other",
        304 => "Not Modified", 307 => "Temporary Redirect", 308 => "Permanent Redirect", 400 => "Bad Request",
        401 => "Unauthorized", 403 => "Forbidden", 404 => "Not Found", 405 => "Method Not Allowed",
        406 => "Not Acceptable", 409 => "Conflict", 410 => "Gone", 413 => "Content Too Large",
        415 => "Unsupported Media Type", 422 => "Unprocessable Content", 429 => "Too Many Requests",
        500 => "Internal Server Error", 502 => "Bad Gateway", 503 => "Service Unavailable"
      }.freeze
      private_constant :NAME, :CONTROL, :REASONS

      # What an application has returned, if it is a response at all.
      def self.check(triple)
        list = triple.to_ary if triple.respond_to?(:to_ary)
        unless list && list.length == 3
          what = list ? "an Array of #{list.length}" : DSL::Format.kind(triple)
          raise ArgumentError, "the application returned #{what}, not [status, headers, body]"
        end

        _, headers, body = list
        unless headers.respond_to?(:each)
          raise ArgumentError, "the headers are #{DSL::Format.kind(headers)}: return a Hash"
        end
        return list if [:each, :call, :to_path].any? { |name| body.respond_to?(name) }

        raise ArgumentError, "the body is #{DSL::Format.kind(body)}: return an Array of Strings"
      end

      def initialize(socket, request)
        @socket = socket
        @request = request
        @begun = false
      end

      # Whether a byte of the final response was written.
      def begun? = @begun

      # Writes the response. Returns `:kept` if the connection is the application's from now on, since it streams or has
      # hijacked it, and `:tunnel` if that is left to {#tunnel}.
      def write(status, headers, body)
        @status = Integer(status)
        unless @status == 101 || (200..999).cover?(@status)
          raise ArgumentError, "#{@status} is not the status of a response"
        end

        @head = "HTTP/1.1 #{@status} #{REASONS.fetch(@status, "Status")}\r\n".b
        @length = @coded = @hijack = nil
        hijack = read(headers)
        return hijacked(hijack) if hijack
        return stream(body) if !body.respond_to?(:each) && body.respond_to?(:call) && !bodyless?

        write_body(body)
        nil
      end

      # Calls a streaming body with the tunnel that the response has begun.
      def tunnel(body)
        call(body, Stream.new(@socket, @socket, false))
      end

      # `rack.early_hints`: fields for a 103.
      def hint(headers)
        lines = String.new("HTTP/1.1 103 Early Hints\r\n", encoding: Encoding::BINARY)
        each_field(headers) { |name, value| lines << name << ": " << value << "\r\n" }
        emit(lines << "\r\n") unless @begun
        nil
      end

      private

      # Whether the response has no body, whatever its fields say (RFC 9110, section 6.4.1).
      def bodyless? = @request.head? || @status == 204 || @status == 304

      # Writes the fields into the head, and returns the callback of a partial hijack, if there is one.
      def read(headers)
        each_field(headers) do |name, value|
          case name.downcase
          when "content-length" then @length = Integer(value, 10)
          when "transfer-encoding" then @coded = true
          when "status" then next
          end
          @head << name << ": " << value << "\r\n"
        end
        @head << "Connection: upgrade\r\n" if @status == 101
        @hijack
      end

      # Calls the block with the name and value of each field. Several values are an Array, or in Rack 2 lines.
      def each_field(headers)
        headers.each do |name, values|
          name = name.to_s
          if name.start_with?("rack.")
            @hijack = values if name == "rack.hijack"
            yield "Upgrade", checked(name, values.to_s) if name == "rack.protocol" && @status == 101
            next
          end
          raise ArgumentError, "#{name.inspect} is not the name of a header" unless name.match?(NAME)

          list = values.is_a?(Array) ? values : values.to_s.split("\n", -1)
          list = [""] if list.empty? && !values.is_a?(Array)
          list.each { |value| yield name.b, checked(name, value.to_s) unless connection?(name) }
        end
      end

      # What concerns the connection to the engine is the server's.
      def connection?(name) = name.casecmp?("connection") || name.casecmp?("keep-alive")

      def checked(name, value)
        value = value.b
        return value unless value.match?(CONTROL)

        raise ArgumentError, "the value of the header #{name} has a line break or NUL in it"
      end

      # Partial hijack: the application writes the body to the connection itself, up to its end.
      def hijacked(callback)
        begin_body("")
        return if bodyless?

        callback.call(@socket)
        :kept
      end

      # A body of Rack 3 that writes itself.
      def stream(body)
        chunked = @status != 101 && !@length && !@coded
        begin_body(chunked ? "Transfer-Encoding: chunked\r\n" : "")
        return :tunnel if @status == 101

        call(body, Stream.new(@socket, @request.env["rack.input"], chunked))
        :kept
      end

      def call(body, stream)
        body.call(stream)
      rescue Exception # rubocop:disable Lint/RescueException
        stream.cut
        raise
      end

      def write_body(body)
        path = body.to_path if body.respond_to?(:to_path)
        return begin_body("") if bodyless?
        return file(path) if path && file?(path)
        return whole(body.to_ary) if !@length && !@coded && @status != 101 && body.respond_to?(:to_ary)

        chunked = @status != 101 && !@length && !@coded
        begin_body(chunked ? "Transfer-Encoding: chunked\r\n" : "")
        body.each { |part| piece(part.to_s, chunked) }
        emit("0\r\n\r\n") if chunked
      end

      def piece(part, chunked)
        return if part.empty?

        chunked ? emit(part.bytesize.to_s(16), "\r\n", part, "\r\n") : emit(part)
      end

      def whole(parts)
        begin_body("Content-Length: #{parts.sum(&:bytesize)}\r\n", parts)
      end

      def file?(path)
        File.file?(path) && !@coded && (@length.nil? || @length == File.size(path))
      end

      def file(path)
        size = File.size(path)
        begin_body(@length ? "" : "Content-Length: #{size}\r\n")
        # The kernel copies it, while other threads run.
        guarded { IO.copy_stream(path, @socket, size) }
      end

      def begin_body(framing, parts = [])
        @begun = true
        emit(@head << framing << "\r\n", *parts)
      end

      # Ruby keeps back what has more parts than one system call takes.
      def emit(*parts)
        guarded do
          @socket.write(*parts)
          @socket.flush
        end
      end

      def guarded
        yield
      rescue SystemCallError, IOError
        raise Gone, "the client went away"
      end
    end
    private_constant :Response
  end
end
