# frozen_string_literal: true

module Proxy
  class DSL
    # Sets of backends that have a name.
    module Upstreams
      # Names a set of backends. A `proxy` uses it by writing its name as the host of `to`, before or after this line; all that do
      # share its connections, its figures and what is known of its backends' health.
      #
      # @param names [String, Symbol] its name: letters, digits, `_`, `-` and `.`
      # @param options [Hash] the options that docs/reference.md lists, by Symbol
      # @option options [Array<String, Hash>] :backends addresses, each a String or `{ address: "…", weight: 2 }`
      # @option options [String, Symbol, Hash] :backend_priority how one of them is chosen; default `:round_robin`
      # @example
      #   upstream "app_servers",
      #            backends: [{ address: "127.0.0.1:8000", weight: 3 }, "127.0.0.1:8001", { address: "127.0.0.1:8002", backup: true }],
      #            backend_priority: :least_conn
      #   proxy to: "http://app_servers{path}{query}"
      def upstream(*names, **options, &block)
        place = @__draft.place(:upstream)
        return unless @__draft.top_level?(place)

        place.error("takes no block: write upstream \"app\", backends: [\"127.0.0.1:3001\", \"127.0.0.1:3002\"]") if block
        name = upstream_name(names, place)
        read, = Options::UPSTREAM.read(options, place)
        backends_missing(options, place) if names.length == 1 && !block && no_backends?(options)
        read = { "backends" => STAND_IN_BACKENDS, **sound_pairs(read, options) }
        @__draft.add_upstream("name" => name, "pool" => read, "at" => place.at) unless name.equal?(INVALID)
        nil
      end

      # Stands for backends that were reported as wrong, so that the engine checks the other options all the same.
      STAND_IN_BACKENDS = [{ "address" => "localhost" }].freeze
      private_constant :STAND_IN_BACKENDS

      private

      def upstream_name(names, place)
        type = Options::UPSTREAM.takes
        return type.read(names.first.is_a?(Symbol) ? names.first.to_s : names.first, place) if names.one?

        return place.error("the name is missing: write #{type.hint}") if names.empty?

        place.error("takes one name, not #{names.length}: write upstream #{Spelling.show(names.first)}, backends: [\"127.0.0.1:3001\"]")
      end

      def no_backends?(options)
        options[:backends].nil? && options.keys.none? do |key|
          !Options::UPSTREAM.names.include?(key) && Spelling.nearest(key, Options::UPSTREAM.names) == :backends
        end
      end

      def backends_missing(options, place)
        is = options.key?(:backends) ? "nil" : "missing"
        place.error("`backends` is #{is}: write backends: [\"127.0.0.1:3001\", \"127.0.0.1:3002\"]#{@__draft.foreign_self if is == "nil"}")
      end
    end
  end
end
