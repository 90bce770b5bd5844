# frozen_string_literal: true

module Proxy
  class Server
    # Changes of single backends while the server runs, and deploys. They last over reloads until the configuration says
    # something else of a backend, and over restarts with `state` in the configuration.
    module Steering
      # Time between two looks at a deploy.
      LOOK = 0.02
      private_constant :LOOK

      # Changes a backend, or all backends of an upstream. Its connections, its health and its figures stay.
      #
      # @param name [String] a backend as `UPSTREAM/BACKEND`, or an upstream for all of its backends, with the names of
      #   {Server#stats}
      # @param state [String, Symbol, nil] `ready`, `draining` or `down`; nil leaves it as it is
      # @param weight [Integer, nil] its share of the requests compared with the others, 1 to 65535
      # @param max_connections [Integer, nil] requests that it gets at once; 0 for any number
      # @return [self]
      # @raise [ArgumentError] if there is no such backend, or if something is wrong; nothing has changed then
      # @example
      #   server.change_backend("app/127.0.0.1:3001", weight: 3, max_connections: 20)
      def change_backend(name, state: nil, weight: nil, max_connections: nil)
        change = { "state" => state&.to_s, "weight" => weight, "max_connections" => max_connections }.compact
        @native.change_backend(utf8(name), change)
        self
      end

      # Adds a backend to an upstream. It gets requests at once, unless `state` says otherwise.
      #
      # @param upstream [String] its name, as in {Server#stats}
      # @param address [String] as in `backends:`, a DNS name too
      # @param state [String, Symbol, nil] `ready`, `draining` or `down`
      # @param options [Hash{Symbol => Object}] `weight:`, `backup:`, `max_connections:`, `max_tunnels:` and
      #   `slow_start:`, as in `backends:`
      # @return [self]
      # @raise [ArgumentError] if there is no such upstream, if it has the backend or 1,000 others already, or if
      #   something is wrong
      # @example
      #   server.add_backend("app", "127.0.0.1:3003", weight: 2)
      def add_backend(upstream, address, state: nil, **options)
        entry = options.empty? ? address : { address: address, **options }
        backends = DSL::BackendList.read([entry], Config.working_directory)
        @native.add_backend(utf8(upstream), backends, state&.to_s)
        self
      end

      # Removes a backend: it gets no new requests, and those in flight there finish. {Server#stats} has it, as
      # draining, until then. One that the configuration lists stays removed until the configuration lists it no more.
      #
      # @param name [String] the backend as `UPSTREAM/BACKEND`
      # @return [self]
      # @raise [ArgumentError] if there is no such backend
      # @example
      #   server.remove_backend("app/127.0.0.1:3003")
      def remove_backend(name)
        @native.remove_backend(utf8(name))
        self
      end

      # Puts new backends in the place of those of an upstream. They are checked first and get no request before all of
      # them are ready; then they serve, in one step, and the old ones finish what they have. Backups stay. If a new one
      # is not ready in time, the old ones stay. It returns when the old ones have nothing in flight, or after `drain`.
      #
      # @param upstream [String] its name, as in {Server#stats}
      # @param to [String, Array<String, Hash>] the new backends, as in `backends:`. One without options gets those of
      #   the first backend that it replaces
      # @param health [String, nil] path that must be answered with 200 to 399. Default: as the `health_check` of the
      #   upstream says, or `/up`
      # @param rise [Integer, nil] successful checks in a row. Default: as the `health_check` says, or 2
      # @param timeout [Numeric] seconds until all must be ready
      # @param drain [Numeric] seconds that requests in flight at the old ones may take
      # @param tunnels [Numeric, nil] the same for WebSockets and other tunnels. Default: as `drain`
      # @yieldparam step [Hash{Symbol => Object}] what happens: `step`, `message`, and perhaps `backend`
      # @return [self]
      # @raise [ArgumentError] if there is no such upstream, if a deploy of it is under way, or if something is wrong
      # @raise [DeployError] if a new backend is not ready in time; the message has the reason of its last check
      # @example
      #   server.deploy("app", to: "127.0.0.1:3002", health: "/up") { |step| puts step[:message] }
      def deploy(upstream, to:, health: nil, rise: nil, timeout: 30, drain: 30, tunnels: nil, &block)
        backends = DSL::BackendList.read([to].flatten(1), Config.working_directory)
        options = { "to" => backends, "health" => health&.to_s, "rise" => rise, "timeout" => Float(timeout),
                    "drain" => Float(drain), "tunnels" => tunnels && Float(tunnels) }.compact
        run = @native.deploy(utf8(upstream), options) or return self
        last = follow(run, block)
        raise DeployError, last ? last[:error] : "the server has ended during the deploy" unless last&.key?(:revision)

        self
      ensure
        run&.abort
      end

      private

      # The last event of a deploy.
      def follow(run, block)
        last = nil
        until (event = run.next) == false
          next sleep(LOOK) unless event

          last = event
          block&.call(event)
        end
        last
      end
    end
  end
end
