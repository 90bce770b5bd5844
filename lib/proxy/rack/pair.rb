# frozen_string_literal: true

require "socket"
require_relative "pump"
require_relative "response"

module Proxy
  module Rack
    # Answers through Ruby: the engine gets one end of a pair of sockets in place of the client's connection. For
    # servers and connections that cannot be handed over: TLS, HTTP/2, tests.
    # @api private
    module Pair
      class << self
        def answer(request, server)
          request.env["puma.mark_as_io_bound"]&.call
          ours, theirs = ::UNIXSocket.pair
          server.adopt(theirs.fileno, request.head, request.body.taken, request.client)
          theirs.close
          theirs = nil
          pump = Pump.start(request.body, ours)
          response(request, ours, pump).tap { ours = nil }
        ensure
          theirs&.close
          ours&.close
        end

        private

        def response(request, ours, pump)
          response = Response.read(ours, request) { |headers| request.env["rack.early_hints"]&.call(headers) }
          return without_answer(request, pump) if response.nil?

          response.triple(pump)
        end

        # The engine has ended the connection without an answer: it takes a client that sends less than it has announced
        # for one that has gone.
        def without_answer(request, pump)
          pump&.stop
          raise pump.error if pump&.error

          request.refuse_body.tap { raise Error, "the engine did not answer" unless pump&.short? }
        end
      end
    end
  end
end
