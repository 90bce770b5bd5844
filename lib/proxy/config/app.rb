# frozen_string_literal: true

module Proxy
  class Config
    # The application that `proxy run` starts. A Proxyfile names it as a backend, `:app`, and it gets every request that
    # no handler of the file takes.
    # @api private
    class App
      # The address of `:app` until the real one is put in its place.
      STAND_IN = "app.proxy-run.invalid"

      # Whether a configuration names `:app`.
      def self.in?(hash) = !pools(hash).empty?

      # The places of `:app`: for each, the directive and its File and line, or nil.
      def self.places(hash)
        pools(hash).map { |directive, owner| [directive, owner["at"]] }
      end

      # The upstreams and `proxy` directives with `:app` among their backends, each with its word.
      def self.pools(hash)
        all = hash.fetch("upstreams").map { |upstream| ["upstream", upstream] } + proxies(hash.fetch("routes"))
        all.select { |_, owner| backends(owner).any? { |backend| backend["address"] == STAND_IN } }
      end

      def self.proxies(routes)
        routes.flat_map do |route|
          inside = route.dig("location", "routes")
          inside ? proxies(inside) : [["proxy", route["proxy"]]].select(&:last)
        end
      end

      def self.backends(owner) = owner.dig("pool", "backends") || []
      private_class_method :proxies

      # @return [String] its address, as an entry of `backends`
      attr_reader :address

      # The configuration without `hold`: requests do not wait.
      def self.without_hold(hash)
        case hash
        when Hash then hash.to_h { |name, value| [name, name == "hold" ? false : without_hold(value)] }
        when Array then hash.map { |value| without_hold(value) }
        else hash
        end
      end

      # `pool` has the options that every pool with `:app` gets unless they are written there, `settings` the directives
      # that win over those of the file, and `bind` the URL to listen on if neither the file nor the command has one.
      def initialize(address, pool, settings: {}, bind: nil)
        @address = address
        @pool = pool
        @settings = settings
        @bind = bind
      end

      # Puts the address into a configuration, and a last handler that takes what no other does.
      def join(hash)
        hash.update(@settings)
        hash["binds"] = [{ "url" => @bind }] if @bind && hash["binds"].empty?
        App.pools(hash).each do |_, owner|
          owner["pool"] = { **@pool, **owner["pool"] }
          App.backends(owner).each { |backend| backend["address"] = address if backend["address"] == STAND_IN }
          owner["preserve_host"] = true unless owner.key?("name") || owner.key?("preserve_host")
        end
        hash["routes"] += [@last = { "proxy" => { "pool" => { **@pool, "backends" => [{ "address" => address }] },
                                                  "preserve_host" => true } }]
      end

      # Takes the last handler out again, because no request reaches it.
      def leave(hash)
        hash["routes"] -= [@last]
      end

      # Whether a configuration has a use for it: only {Unknown} says no.
      def wanted?(_hash) = true
    end

    # The application of a configuration that is only checked: it stands for whatever `proxy run` would start, if the
    # configuration names it.
    # @api private
    class Unknown < App
      def initialize
        super(STAND_IN, {})
      end

      def wanted?(hash) = App.in?(hash)
    end
  end
end
