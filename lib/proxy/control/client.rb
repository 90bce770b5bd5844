# frozen_string_literal: true

require "json"
require_relative "connection"
require_relative "event_reader"

module Proxy
  module Control
    # An HTTP/1.1 client for the control API, with a connection for each request.
    # @api private
    class Client
      # Bytes that a whole answer may have.
      LARGEST = 64 * 1024 * 1024
      # The addresses of a bind that is not one of its own are asked at the loopback address.
      TCP = %r{\Ahttp://(\[[\h:.]+\]|[^/\[\]:@]+)(?::(\d+))?/?\z}
      private_constant :LARGEST, :TCP

      # @return [String] where the proxy is asked: a path, or a URL
      attr_reader :place

      # `place` is the path of a socket, also as `unix:PATH`, or a URL such as `http://127.0.0.1:9090`.
      # @raise [ArgumentError] if it is neither, or if the token cannot stand in a header
      def initialize(place, token: nil, timeout: 10)
        @place = place.delete_prefix("unix://").delete_prefix("unix:")
        @timeout = timeout
        @token = token&.strip
        raise ArgumentError, "the token is empty: write that of the proxy, or none" if @token&.empty?
        raise ArgumentError, "the token has a character that no token has: write it in one line of ASCII" if
          @token && !@token.match?(/\A[!-~]+\z/)

        read_url if @place.match?(%r{\A[a-z]+://})
      end

      # Sends a request and returns the JSON of its answer, with Symbols as keys. One that another process has to answer
      # is sent again, once: it reaches that one.
      # @raise [Failure] if there is no answer, or if it is no success
      def ask(method, path, body = nil, headers: {}, timeout: @timeout)
        is_repeated = false
        begin
          ask_once(method, path, body, headers, timeout)
        rescue Refused => error
          raise if is_repeated || !error.answer[:successor]

          is_repeated = true
          retry
        end
      end

      # Sends a request and returns the text of its answer.
      # @raise [Failure] as {#ask}
      def text(path)
        exchange("GET", path, nil, {}, @timeout) do |connection, status, fields|
          answer = content(connection, fields)
          status < 400 ? answer.force_encoding(Encoding::UTF_8).scrub : parse(status, answer, fields)
        end
      end

      # Sends a request and yields each event of its answer, for as long as they come. Returns the JSON of an answer
      # that is no stream, else nil.
      # @raise [Failure] as {#ask}
      def stream(method, path, body = nil, silence: nil)
        accept = { "Accept" => "text/event-stream, application/json" }
        exchange(method, path, body, accept, @timeout) do |connection, status, fields|
          unless fields["content-type"].to_s.start_with?("text/event-stream") && status < 300
            next parse(status, content(connection, fields), fields)
          end

          connection.limit = silence
          reader = EventReader.new
          pieces(connection, fields) { |piece| reader.push(piece) { |event| yield event } }
          nil
        end
      end

      private

      def ask_once(method, path, body, headers, timeout)
        exchange(method, path, body, headers, timeout) do |connection, status, fields|
          parse(status, content(connection, fields), fields)
        end
      end

      def read_url
        found = @place.match(TCP)
        unless found
          raise ArgumentError, "#{Problem.without_secrets(@place)} is no address of a control API: write a path, or " \
                               "a URL such as http://127.0.0.1:9090"
        end
        @host = found[1].delete("[]")
        @port = (found[2] || 80).to_i
        @authority = "#{found[1]}#{":#{found[2]}" if found[2]}"
      end

      def exchange(method, path, body, headers, timeout)
        connection = connect(timeout)
        connection.write(head_and_body(method, path, body, headers))
        status, fields = answer_head(connection)
        yield connection, status, fields
      rescue Connection::Broken => error
        raise unreachable(error.cause, connection&.limit || timeout)
      ensure
        connection&.close
      end

      # The error for a proxy that cannot be reached.
      def unreachable(cause, timeout)
        case cause
        when nil then NoAnswer.new("the proxy at #{place} ended in the middle of its answer")
        when Errno::ENOENT then NotRunning.new("no proxy runs at #{place}: there is no such socket#{hint}")
        when Errno::ECONNREFUSED then NotRunning.new("no proxy runs at #{place}: nobody listens there")
        when Errno::EACCES, Errno::EPERM
          Failure.new("#{place} belongs to another user: ask as the user that runs the proxy, or as root")
        when Errno::ETIMEDOUT then NoAnswer.new("the proxy at #{place} does not answer within #{timeout} seconds")
        when Errno::ECONNRESET then NoAnswer.new("the proxy at #{place} closed the connection")
        else Failure.new("#{place} cannot be asked: #{cause.message.sub(/ - .*/m, "")}")
        end
      end

      # A port is asked by a URL.
      def hint = (": write http://#{place} if it is an address" if place.match?(/\A[\w.\[\]:-]+:\d+\z/))

      def connect(timeout)
        @port ? Connection.tcp(@host, @port, timeout) : Connection.unix(@place, timeout)
      end

      def head_and_body(method, path, body, headers)
        text = body && JSON.generate(body)
        fields = { "Host" => @authority || "localhost", "User-Agent" => "proxy/#{VERSION}",
                   "Accept" => "application/json", "Connection" => "close", **headers }
        fields["Authorization"] = "Bearer #{@token}" if @token
        fields["Content-Type"] = "application/json" if text
        fields["Content-Length"] = (text&.bytesize || 0).to_s unless method == "GET"
        "#{method} #{path} HTTP/1.1\r\n#{fields.map { |name, value| "#{name}: #{value}\r\n" }.join}\r\n#{text}".b
      end

      # Its status and its fields, with small letters.
      def answer_head(connection)
        status = connection.line[%r{\AHTTP/1\.[01] (\d{3})\b}, 1] or
          raise Failure, "what listens at #{place} is no proxy: it does not speak HTTP"
        fields = {}
        until (line = connection.line).empty?
          name, value = line.split(":", 2)
          fields[name.downcase] = value.to_s.strip
        end
        status == "100" ? answer_head(connection) : [status.to_i, fields]
      end

      def content(connection, fields)
        whole = +"".b
        pieces(connection, fields) do |piece|
          whole << piece
          raise Failure, "the answer of #{place} is too large" if whole.bytesize > LARGEST
        end
        whole
      end

      # Yields the content piece by piece, as it comes (RFC 9112, section 6.3).
      def pieces(connection, fields)
        if fields["transfer-encoding"]&.casecmp?("chunked")
          while (size = connection.line.to_i(16)).positive?
            yield connection.bytes(size)
            connection.line
          end
        elsif (length = fields["content-length"]&.to_i)
          while length.positive?
            piece = connection.some(length) or raise Connection::Broken
            length -= piece.bytesize
            yield piece
          end
        else
          while (piece = connection.some)
            yield piece
          end
        end
      end

      def parse(status, text, fields)
        answer = text.strip.empty? ? {} : JSON.parse(text, symbolize_names: true)
        raise Refused.new(status, answer.is_a?(Hash) ? answer : {}) if status >= 400

        tag = fields["etag"]
        tag && answer.is_a?(Hash) ? { **answer, etag: tag } : answer
      rescue JSON::ParserError
        raise Refused.new(status, {}) if status >= 400

        raise Failure, "what listens at #{place} is no control API of a proxy: its answer is no JSON"
      end
    end
  end
end
