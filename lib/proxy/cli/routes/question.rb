# frozen_string_literal: true

require "uri"

module Proxy
  module CLI
    class Routes
      # The request that `proxy routes` explains.
      # @api private
      class Question
        attr_reader :request_method, :url

        # Reads `[METHOD] URL` and the options. Returns a String with the mistake if they are wrong.
        def self.read(words, headers, remote)
          url = words.pop
          method = words.pop || "GET"
          return "#{method.inspect} is not a valid method: write one such as GET" unless method.match?(/\A[A-Za-z-]+\z/)

          parts = url.match(%r{\A(?<scheme>https?)://(?<authority>[^/?#]+)(?<target>[^#]*)\z}i)
          unless parts
            return "#{url.inspect} is not a URL that can be asked for: write one such as " \
                   "http://localhost:8080/users?page=2"
          end
          return "#{url.inspect} names a user: write -H 'Authorization: …'" if parts[:authority].include?("@")

          fields = headers.map { |header| header.split(/:\s*/, 2) }
          wrong = fields.find { |field| field.length != 2 }
          return "#{wrong.first.inspect} is not a valid header: write one such as -H 'X-Beta: 1'" if wrong

          new(method.upcase, url, parts, fields, remote || "127.0.0.1")
        end

        def initialize(request_method, url, parts, fields, remote)
          @request_method = request_method
          @url = url
          @scheme = parts[:scheme].downcase
          @authority = parts[:authority]
          @target = parts[:target]
          @fields = fields
          @remote = remote
          freeze
        end

        # Whether a field of the request has this value.
        def sends?(value)
          @fields.any? { |_, own| own.strip == value }
        end

        # Whether `Max-Forwards` forbids the proxy to forward the request.
        def last?
          values = @fields.filter_map { |name, value| value.strip if name.casecmp?("Max-Forwards") }
          values.one? && values.first.match?(/\A0+\z/)
        end

        # Status and reason of the proxy's own answer to a request that would go to a backend, and never does; else nil.
        def never_forwarded
          case request_method
          when "CONNECT" then [405, "CONNECT is never forwarded"]
          when "OPTIONS" then [200, "Max-Forwards is 0"] if last?
          when "TRACE" then [405, "Max-Forwards is 0"] if last?
          end
        end

        # The request as a Hash for the engine.
        def to_h
          target = @target.start_with?("/") ? @target : "/#{@target}"
          port = @authority[/:(\d+)\z/, 1]&.to_i || (@scheme == "https" ? 443 : 80)
          { "method" => request_method, "scheme" => @scheme, "authority" => @authority, "target" => target,
            "headers" => @fields,
            "remote" => @remote, "port" => (port if port.between?(1, 65_535)) }
        end
      end
    end
  end
end
