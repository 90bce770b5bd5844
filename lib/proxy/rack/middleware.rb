# frozen_string_literal: true

require_relative "configuration"
require_relative "engine"
require_relative "handover"
require_relative "pair"
require_relative "request"

module Proxy
  module Rack
    # A Rack middleware (Rack 2 and 3) that proxies some requests; all others go to the application. It takes the
    # options of `proxy`, or a block with the words of a `Proxyfile`.
    #
    # Where the server allows it (full hijack), the client's connection is handed over to the engine: it answers without
    # Ruby, the server's thread is free at once, and middlewares further out do not see the response. Elsewhere the
    # response passes through Ruby. The engine starts with the first request of each process.
    #
    # @example In a config.ru
    #   use Proxy::Rack::Middleware, path_prefix: "/api", backends: ["http://127.0.0.1:3001"]
    # @example With a block; what no handler in it takes is the application's
    #   use Proxy::Rack::Middleware do
    #     location("/vite-dev/*") { proxy backends: ["127.0.0.1:3036"] }
    #   end
    class Middleware
      # @param app [#call] the application
      # @param hijack [Symbol, Boolean] `:auto` hands connections over where that can be; `false` never does, so that
      #   all responses pass through Ruby; `:require` raises an error where it cannot be
      # @param threads [Integer] engine threads of each process; default: 1
      # @param trusted_proxies [String, Array<String>] as the word of that name
      # @param options [Hash] those of `proxy`
      # @raise [ConfigurationError] with every mistake
      # @example
      #   Proxy::Rack::Middleware.new(app, path_prefix: "/api", backends: ["http://127.0.0.1:3001"], hijack: false)
      def initialize(app, hijack: :auto, **options, &block)
        @app = app
        @hijack = hijack
        config = Configuration.read(options, hijack, block)
        config.print_warnings
        @engine = Engine.new(config.validate!)
      end

      # Answers a request, or asks the application to.
      #
      # @param env [Hash] the Rack environment
      # @return [Array] status, headers and body
      # @raise [Error] with `hijack: :require`, if the server cannot hand the connection over
      # @example
      #   status, headers, body = middleware.call(env)
      def call(env)
        server = @engine.server
        request = Request.new(env, hijack: @hijack != false)
        return @app.call(env) unless request.for?(server, @engine.brief?)
        return request.refuse_body if request.body.short?
        return [100, {}, []] if request.awaits_continue?

        obstacle = request.obstacle
        if obstacle && @hijack == :require
          raise Error, "hijack: :require: this request's connection cannot be handed over: #{obstacle}"
        end

        Handover.answer(request, server) || Pair.answer(request, server)
      end

      # @return [String] without the configuration, which may hold secrets
      def inspect
        "#<#{self.class}>"
      end
    end
  end
end
