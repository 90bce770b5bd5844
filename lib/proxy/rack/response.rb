# frozen_string_literal: true

require_relative "head"
require_relative "response_body"
require_relative "tunnel"

module Proxy
  module Rack
    # A response that the engine has written into a pair of sockets.
    # @api private
    class Response
      # Fields of the connection, which the server writes itself (RFC 9110, section 7.6.1).
      HOP_BY_HOP = %w[connection keep-alive proxy-connection te trailer transfer-encoding upgrade].freeze
      # Fields that a response without a body must not have in Rack, and a header that Rack forbids.
      OF_A_BODY = %w[content-type content-length].freeze
      FORBIDDEN = %w[status].freeze
      private_constant :HOP_BY_HOP, :OF_A_BODY, :FORBIDDEN

      # Reads the final head. Early hints are yielded, other interim responses are left out. nil if there is none.
      def self.read(io, request)
        loop do
          line = io.gets("\r\n") or return
          response = new(line[9, 3].to_i, fields(io), io, request)
          return response unless response.interim?

          yield response.headers if response.status == 103
        end
      rescue SystemCallError
        nil
      end

      def self.fields(io)
        lines = []
        while (line = io.gets("\r\n")) && line != "\r\n"
          lines << line.chomp("\r\n").split(":", 2).then { |name, value| [name, value.strip] }
        end
        lines
      end
      private_class_method :fields

      # @return [Integer]
      attr_reader :status

      def initialize(status, fields, io, request)
        @status = status
        @fields = fields
        @io = io
        @request = request
      end

      def interim? = status.between?(100, 199) && !upgrade?

      # Status, headers and body for the server.
      def triple(pump)
        return upgraded if upgrade?

        [status, headers, ResponseBody.new(@io, length, pump)]
      end

      # The headers as Rack wants them.
      def headers
        dropped = HOP_BY_HOP + connection_options + FORBIDDEN
        dropped += OF_A_BODY if [204, 304].include?(status) || interim?
        joined(@fields.reject { |name, _| dropped.include?(name.downcase) })
      end

      private

      def upgrade? = status == 101

      # The tunnel after an upgrade: by a partial hijack, else as a streaming body of Rack 3.
      def upgraded
        dropped = HOP_BY_HOP - %w[connection upgrade]
        headers = joined(@fields.reject { |name, _| dropped.include?(name.downcase) })
        return [101, headers, ->(client) { Tunnel.run(client, @io) }] unless @request.env["rack.hijack?"]

        [101, { **headers, "rack.hijack" => ->(client) { Tunnel.start(client, @io) } }, []]
      end

      # Several values are an Array in Rack 3, and lines of one text in Rack 2.
      def joined(fields)
        groups = fields.group_by { |name, _| name.downcase }
        groups.to_h do |lower, lines|
          values = lines.map(&:last)
          next [lines.first.first, values.join("\n")] unless Head.lowercase?

          [lower, values.one? ? values.first : values]
        end
      end

      def connection_options
        value("connection").to_s.downcase.split(",").map(&:strip)
      end

      # How the body ends: after a number of bytes, with its last chunk, or with the connection.
      def length
        return 0 if @request.env["REQUEST_METHOD"] == "HEAD" || [204, 304].include?(status)
        return :chunked if value("transfer-encoding")

        value("content-length")&.to_i || :close
      end

      def value(name) = @fields.find { |field, _| field.casecmp?(name) }&.last
    end
  end
end
