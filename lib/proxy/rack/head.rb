# frozen_string_literal: true

module Proxy
  module Rack
    # Makes the text of a request head from a Rack environment. The engine reads it like one from the network, so that
    # a value which is no method, target or field is refused. A line break in a value becomes a NUL, which no part of a
    # head may hold: nothing in the environment can begin another field or request.
    # @api private
    module Head
      # Fields that are written from what the server knows, or that ended at the server.
      OWN = %w[HOST CONNECTION CONTENT_LENGTH CONTENT_TYPE TRANSFER_ENCODING VERSION EXPECT].freeze
      # Names that are kept; a client may send any number of others.
      MOST = 1000
      TOKEN = /\A[!#$%&'*+.^`|~0-9A-Za-z-]+\z/
      # Bytes that would end a method, a target or a field's value.
      ENDS = " \t\r\n"
      BREAKS = "\r\n"
      QUESTION = "?".ord
      private_constant :OWN, :MOST, :TOKEN, :ENDS, :BREAKS, :QUESTION

      @names = {}

      class << self
        # With `direct` the client's version is kept, since the response goes to it as it is. Puma before 6 says it in
        # HTTP_VERSION alone, as a client can: that changes nothing but the framing of its own response.
        def of(env, body, direct:)
          old = direct && env.values_at("SERVER_PROTOCOL", "HTTP_VERSION").include?("HTTP/1.0")
          head = start(env, old ? "HTTP/1.0" : "HTTP/1.1")
          fields(env, head)
          # The server does not take the connection back.
          head << "Connection: close"
          connection = env["HTTP_CONNECTION"]
          head << ", " << value(connection) if connection
          head << "\r\n" << body.fields << "\r\n"
        end

        # Only the method, the target and the host: enough for a route that asks for nothing else.
        def brief(env)
          start(env, "HTTP/1.1") << "\r\n"
        end

        # The name of a response header as the loaded version of Rack wants it.
        def response_name(name) = lowercase? ? name.downcase : name

        # Whether headers of responses are those of Rack 3: lower case, with an Array for several values.
        def lowercase?
          return @lowercase unless @lowercase.nil?

          @lowercase = !defined?(::Rack::RELEASE) || ::Rack::RELEASE.to_i >= 3
        end

        private

        def start(env, version)
          head = String.new(capacity: 1024, encoding: Encoding::BINARY)
          head << word(env["REQUEST_METHOD"]) << " " << word(target(env)) << " " << version << "\r\nHost: " <<
            value(host(env)) << "\r\n"
        end

        def fields(env, head)
          underscored = env["puma.underscore_headers"]
          type = env["CONTENT_TYPE"]
          head << "Content-Type: " << value(type) << "\r\n" if type.is_a?(String) && !type.empty?
          env.each do |key, text|
            next unless key.start_with?("HTTP_") && text.is_a?(String)

            name = @names.fetch(key) { remember(key) } or next
            name = as_sent(key, underscored) || name if underscored
            head << name << ": " << value(text) << "\r\n"
          end
          expectation(env, head)
        end

        # The server has answered `100-continue` itself.
        def expectation(env, head)
          expected = env["HTTP_EXPECT"]
          head << "Expect: " << value(expected) << "\r\n" if expected && !expected.casecmp?("100-continue")
        end

        # The name of a field, as `X-Request-Id`; nil for one that is not passed on.
        def remember(key)
          plain = key.delete_prefix("HTTP_").tr("-", "_").upcase
          name = plain.split("_", -1).map(&:capitalize).join("-")
          name = nil if OWN.include?(plain) || !name.match?(TOKEN)
          @names.length < MOST ? @names = { **@names, key => name } : name
          name
        end

        # The name with underscores, if the client wrote it with some. The engine has a rule for those.
        def as_sent(key, underscored)
          underscored.find { |name| name.tr("-,", "__") == key.delete_prefix("HTTP_") }
        end

        # The target as the client sent it, unless somebody above has changed the path.
        def target(env)
          mount, path = env["SCRIPT_NAME"], env["PATH_INFO"].to_s
          path = "#{mount}#{path}" if mount && !mount.empty?
          sent = env["REQUEST_URI"]
          return sent if sent && names?(sent, path)

          path = path.b.gsub("?", "%3F")
          path = "/#{path}" unless path.start_with?("/") || path == "*"
          query = env["QUERY_STRING"]
          query.nil? || query.empty? ? path : "#{path}?".b << query.b
        end

        def names?(sent, path)
          return true if sent == path || (sent.start_with?(path) && sent.getbyte(path.bytesize) == QUESTION)

          sent, path = sent.b, path.b
          return true if sent == "*" && (path.empty? || path == "/")

          mine = sent[%r{\A(?:https?://[^/?]*)?([^?]*)}i, 1]
          mine = "/" if mine.empty?
          path = "/" if path.empty?
          mine == path || unescaped(mine) == path
        end

        def unescaped(path) = path.gsub(/%\h\h/) { |escape| escape[1, 2].hex.chr }

        def host(env)
          host = env["HTTP_HOST"]
          return host if host

          name, port = env.values_at("SERVER_NAME", "SERVER_PORT")
          port.to_s.empty? ? name : "#{name}:#{port}"
        end

        def word(text) = text.to_s.b.tr(ENDS, "\0")

        def value(text)
          text = text.to_s.b
          text.include?("\n") || text.include?("\r") ? text.tr(BREAKS, "\0") : text
        end
      end
    end
  end
end
