# frozen_string_literal: true

require_relative "../proxy"

module Proxy
  # The proxy inside a Rack application: {Middleware}.
  #
  # @example In a config.ru
  #   use Proxy::Rack::Middleware, path_prefix: "/api", backends: ["http://127.0.0.1:3001"]
  module Rack
    # The engines of this program's middlewares; each process has its own. Changed by single calls, which Ruby does not
    # interrupt.
    @engines = []

    class << self
      # Stops the engines that the middlewares of this process have started: requests in flight may finish. It happens
      # by itself when the process exits. Only a server that replaces its process by `exec` has to call it. A later
      # request starts an engine anew.
      #
      # @param timeout [Numeric, nil] seconds that requests in flight may take; default: `shutdown_timeout`
      # @return [Boolean] whether every request finished in time
      # @example In a config/puma.rb without workers, for hot restarts
      #   on_restart { Proxy::Rack.stop }
      def stop(timeout: nil)
        @engines.map { |engine| Thread.new { engine.stop(timeout) } }.map(&:value).all?
      end

      # @api private
      def register(engine)
        @engines << engine
      end
    end
  end
end

require_relative "rack/middleware"

# In a forked child this stops the child's engines, not those of the parent.
at_exit { Proxy::Rack.stop }
