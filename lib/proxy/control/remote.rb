# frozen_string_literal: true

module Proxy
  module Control
    # A proxy that runs in another process, asked and steered over its control socket. Each call is a request of its
    # own: nothing stays open between two calls. {Control.connect} makes one.
    #
    # A backend is named as in {Server#stats}: `UPSTREAM/BACKEND`, such as `app/127.0.0.1:3001`; the name of an upstream
    # stands for all of its backends.
    #
    # @example
    #   control = Proxy::Control.connect("tmp/pids/proxy.sock")
    #   control.drain("app/127.0.0.1:3001", wait: 30)
    #   control.status[:upstreams].first[:name]  # => "app"
    class Remote
      # Seconds that a reload and a stop may take until they are answered.
      SLOW = 120
      # Seconds that may pass between two events: there are figures each second.
      SILENCE = 30
      # Seconds between two looks whether backends are idle.
      LOOK = 0.1
      private_constant :SLOW, :SILENCE, :LOOK

      # @api private
      def initialize(client)
        @client = client
      end

      # @return [String] where the proxy is asked: a path, or a URL
      # @example
      #   control.place  # => "tmp/pids/proxy.sock"
      def place = @client.place

      # What the proxy does, as `proxy status --json` prints it.
      #
      # @return [Hash{Symbol => Object}] as {Server#stats}, with `version`, `pid`, `file`, `started_at`, `loaded_at`,
      #   `urls`, `warnings`, `reload`, and `upstreams`, each with its `backends`
      # @raise [Failure] if it does not answer, or refuses; so it is with each call
      # @example
      #   control.status[:pid]  # => 4711
      def status = @client.ask("GET", "/status")

      # @return [String] its figures, in the text format of Prometheus
      # @example
      #   control.metrics.lines.grep(/^proxy_requests_total/)
      def metrics = @client.text("/metrics")

      # Yields what happens, until the block is left or the proxy ends.
      #
      # @param log [Boolean, Hash] whether requests are events too; a Hash chooses some: `status: "5xx"`,
      #   `path: "/api"` (its beginning), `slower_than: 1` (seconds)
      # @yieldparam event [Event] its `name` is `:figures` (each second), `:backend`, `:reload` or `:log`
      # @return [self] after the proxy has ended
      # @example
      #   control.events(log: { status: "5xx" }) { |event| p event.data if event.name == :log }
      def events(log: false)
        choice = log ? { log: 1, **(log.is_a?(Hash) ? log : {}) } : {}
        query = choice.compact.map { |name, value| "#{name}=#{Control.escape(value)}" }.join("&")
        @client.stream("GET", "/events#{"?#{query}" unless query.empty?}", silence: SILENCE) { |event| yield event }
        self
      end

      # Makes backends ready: they get requests again.
      #
      # @param names [Array<String>] backends or upstreams
      # @return [self]
      # @raise [Refused] if there is no such backend
      # @example
      #   control.ready("app/127.0.0.1:3001")
      def ready(*names) = change(names, { state: "ready" }, nil)

      # Drains backends: requests in flight finish, and new ones come only from sticky clients.
      #
      # @param names [Array<String>] as for {#ready}
      # @param wait [Numeric, nil] seconds to wait until nothing is in flight there; nil: no wait
      # @return [self]
      # @raise [Refused] as for {#ready}
      # @raise [NoAnswer] if something is still in flight after `wait` seconds
      # @example
      #   control.drain("app/127.0.0.1:3001", wait: 30)
      def drain(*names, wait: nil) = change(names, { state: "draining" }, wait)

      # Takes backends out of service: they get no new requests at all.
      #
      # @param names [Array<String>] as for {#ready}
      # @param wait [Numeric, nil] as for {#drain}
      # @return [self]
      # @raise [Refused] as for {#ready}
      # @raise [NoAnswer] as for {#drain}
      # @example
      #   control.down("app")
      def down(*names, wait: nil) = change(names, { state: "down" }, wait)

      # Changes options of backends until the next reload.
      #
      # @param names [Array<String>] as for {#ready}
      # @param weight [Integer, nil] nil: as it is
      # @param max_connections [Integer, nil] nil: as it is
      # @return [self]
      # @raise [Refused] as for {#ready}
      # @example
      #   control.change_backend("app/127.0.0.1:3001", weight: 3)
      def change_backend(*names, weight: nil, max_connections: nil)
        change(names, { weight: weight, max_connections: max_connections }.compact, nil)
      end

      # Adds a backend to an upstream.
      #
      # @param upstream [String] its name
      # @param address [String] the address, as in `backends:`
      # @param options [Hash{Symbol => Object}] options of the backend, such as `weight:` and `backup:`
      # @return [Hash{Symbol => Object}] the upstream
      # @raise [Refused] if there is no such upstream, or if the backend is there already
      # @example
      #   control.add_backend("app", "127.0.0.1:3003", weight: 2)
      def add_backend(upstream, address, **options)
        @client.ask("POST", "/upstreams/#{Control.escape(upstream)}/backends", { address: address, **options })
      end

      # Removes a backend: requests in flight finish.
      #
      # @param name [String] the backend
      # @return [Hash{Symbol => Object}] the answer
      # @raise [Refused] if there is no such backend
      # @example
      #   control.remove_backend("app/127.0.0.1:3003")
      def remove_backend(name)
        upstream, backend = Names.new(status).one(name)
        @client.ask("DELETE", "/upstreams/#{Control.escape(upstream)}/backends/#{Control.escape(backend)}")
      end

      # Reads the configuration of the proxy again.
      #
      # @return [Hash{Symbol => Object}] the answer, with `warnings`
      # @raise [Refused] if the configuration is wrong; {Refused#problems} has the mistakes, and the old one stays
      # @example
      #   control.reload
      def reload = @client.ask("POST", "/reload", {}, timeout: SLOW)

      # Stops the proxy. It answers at once, and requests in flight may finish.
      #
      # @return [Hash{Symbol => Object}] the answer
      # @example
      #   control.stop
      def stop = @client.ask("POST", "/stop", {})

      # Starts a new process on the same sockets; then the old one ends.
      #
      # @return [Hash{Symbol => Object}] the answer
      # @raise [Refused] if the new one could not be started; the old one goes on
      # @example
      #   control.upgrade
      def upgrade = @client.ask("POST", "/upgrade", {}, timeout: SLOW)

      # Holds the requests of an upstream until {#resume}, or until the time is over; then they are answered with 503.
      #
      # @param upstream [String] its name
      # @param seconds [Numeric, nil] the longest time; default: that of the proxy
      # @return [Hash{Symbol => Object}] the answer
      # @raise [Refused] if there is no such upstream
      # @example
      #   control.pause("app", 30)
      def pause(upstream, seconds = nil) = on(upstream, "pause", { seconds: seconds })

      # Lets the requests of an upstream go on.
      #
      # @param upstream [String] its name
      # @return [Hash{Symbol => Object}] the answer
      # @raise [Refused] if there is no such upstream
      # @example
      #   control.resume("app")
      def resume(upstream) = on(upstream, "resume", {})

      # Answers the requests of an upstream with 503 and a message.
      #
      # @param upstream [String, nil] its name; nil: all of them
      # @param message [String, nil] the text for the clients
      # @param allow [Array<String>] addresses and networks that are served nevertheless
      # @param bypass [Boolean] whether a cookie is made that lets its owner in: the answer has the `cookie`, and the
      #   path that gives it to a browser under `bypass`
      # @param retry_after [Integer, nil] seconds after which clients are told to come again; nil: as usual
      # @return [Hash{Symbol => Object}] the answer
      # @raise [Refused] if there is no such upstream
      # @example
      #   control.maintenance("app", message: "Back at noon", allow: ["10.0.0.0/8"])
      def maintenance(upstream = nil, message: nil, allow: [], bypass: false, retry_after: nil)
        options = { message: message, allow: (allow unless allow.empty?), bypass: bypass || nil,
                    retry_after: retry_after }
        on(upstream, "maintenance", options)
      end

      # Ends the maintenance of an upstream.
      #
      # @param upstream [String, nil] its name; nil: all of them
      # @return [Hash{Symbol => Object}] the answer
      # @raise [Refused] if there is no such upstream
      # @example
      #   control.end_maintenance("app")
      def end_maintenance(upstream = nil) = on(upstream, "maintenance", { off: true })

      # Changes how many requests a `split` sends to an upstream.
      #
      # @param upstream [String] its name
      # @param percent [Numeric] from 0 to 100
      # @return [Hash{Symbol => Object}] the answer
      # @raise [Refused] if no `split` names the upstream
      # @example
      #   control.split("v2", 20)
      def split(upstream, percent) = on(upstream, "rollout", { percent: percent })

      # Makes stored responses stale.
      #
      # @param url [String, nil] a URL, or a pattern with `*`; one that begins with `/` is a path, for every host
      # @param options [Hash{Symbol => Object}] `tag:` or `all: true` in place of a URL; `hard: true` removes them;
      #   `cache:` names one cache
      # @return [Hash{Symbol => Object}] the answer, with the number of responses that were `purged`
      # @raise [Refused] as for {Server#purge}
      # @example
      #   control.purge("/blog/*")[:purged]  # => 3
      def purge(url = nil, **options) = on(nil, "purge", { url: url, **options })

      # Replaces the backends of an upstream by new ones, once those are healthy. The old ones are drained and removed.
      #
      # @param upstream [String] its name
      # @param to [Array<String>, String] addresses of the new backends
      # @param options [Hash{Symbol => Object}] `health:` (a path), `rise:` (checks in a row), `timeout:`, `drain:` and
      #   `tunnels:` (seconds)
      # @yieldparam step [Hash{Symbol => Object}] what is being done, as it happens: `step`, `backend`, `message`,
      #   `elapsed`. If the block is left before the new backends serve, the deploy is given up
      # @return [Hash{Symbol => Object}] the last step
      # @raise [Refused] if the new ones do not become healthy: the old ones stay, and the message has the reason
      # @example
      #   control.deploy("app", to: "127.0.0.1:3002", health: "/up") { |step| puts step[:message] }
      def deploy(upstream, to:, **options, &block)
        Deploy.new(@client, upstream, { to: [to].flatten, **options.compact }).perform(&block)
      end

      # Waits until nothing is in flight at backends.
      #
      # @param names [Array<String>] as for {#ready}
      # @param seconds [Numeric] the longest time
      # @yieldparam in_flight [Integer] what is left, each time it is looked at
      # @return [Boolean] whether nothing is left
      # @example
      #   control.idle?("app/127.0.0.1:3001", within: 30)
      def idle?(*names, within:)
        deadline = Connection.clock + within
        loop do
          left = Names.new(status).backends(*names).sum { |backend| backend[:in_flight] }
          yield left if block_given?
          return left.zero? if left.zero? || Connection.clock >= deadline

          sleep LOOK
        end
      end

      # @return [String]
      def inspect = "#<#{self.class} #{place}>"

      private

      def change(names, changes, wait)
        known = Names.new(status)
        # All of them are known before the first changes.
        paths = names.map { |name| known.split(name).compact.map { |part| Control.escape(part) }.join("/") }
        paths.each { |path| @client.ask("POST", "/backends/#{path}", changes) }
        return self if wait.nil? || idle?(*names, within: wait)

        raise NoAnswer, "requests are still in flight after #{wait} seconds"
      end

      def on(upstream, action, options)
        @client.ask("POST", "/#{action}", { upstream: upstream, **options }.compact)
      end
    end
  end
end
