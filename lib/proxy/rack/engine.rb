# frozen_string_literal: true

module Proxy
  module Rack
    # The engine of one middleware. It starts with the first request of a process, since a server that is preloaded
    # forks later.
    # @api private
    class Engine
      # Conditions of locations that need no header beside `Host`.
      WITHOUT_HEADERS = %w[patterns inner methods hosts schemes ports query remote extensions routes word at].freeze
      private_constant :WITHOUT_HEADERS

      def initialize(config)
        @config = config
        @brief = !config.to_h.key?("trusted_proxies") && brief_routes?(config.to_h.fetch("routes"))
        @lock = Mutex.new
        @server = nil
        Rack.register(self)
      end

      # Whether routes depend on nothing but the first line of a request, its host and its sender.
      def brief? = @brief

      # The running server of this process.
      def server
        server = @server
        return server if server && !server.stopped?

        @lock.synchronize do
          # Another thread may have started it meanwhile. A forked child's copy of the parent's counts as stopped.
          @server = Server.start(@config) if @server.nil? || @server.stopped?
          @server
        end
      end

      # Stops the server of this process, if there is one. Returns whether every request finished.
      def stop(timeout)
        server = @lock.synchronize { @server }
        server.nil? || server.stopped? || server.stop(timeout: timeout)
      end

      private

      def brief_routes?(routes)
        routes.filter_map { |route| route["location"] }
              .all? { |location| (location.keys - WITHOUT_HEADERS).empty? && brief_routes?(location.fetch("routes")) }
      end
    end
  end
end
