# frozen_string_literal: true

require_relative "nesting"

module Proxy
  class DSL
    # Which requests a part of the configuration is for. The first location of the file that matches takes a request, before the
    # handlers that stand beside it are asked; then its own locations are tried the same way.
    module Routing
      # Selects requests by their path, and by conditions all of which must hold; the block says what to do with them. Without a
      # pattern the conditions alone decide. docs/reference.md has a table of them.
      #
      # A pattern is a path (`"/about"`), may have wildcards (`"/api/*"`, which is `/api` too, `"/files/*.png"`) and captures
      # (`"/users/:id"`, `"/users/:id([0-9]+)"`), or is a Regexp, whose named groups are captures. A trailing slash of the request does
      # not decide. String rewrites inside can refer to a capture as `{id}`.
      #
      # Inside of another location a path goes on where that one ends, without its `/*`: `location "/v1"` with `location "/users/:id"` in
      # it is `/v1/users/:id`. A Regexp is always for the whole path, and inside of one there is none to go on from.
      #
      # @param patterns [Array<String, Regexp>] any of them may match
      # @param options [Hash] the conditions that docs/reference.md lists, by Symbol
      # @option options [Array<String, Regexp>] :hosts hosts that the client may have asked for
      # @option options [Array<String, Symbol>] :methods methods that the request may have
      # @option options [Hash] :headers fields by name: a String, a Regexp, `true` for there, `nil` for not there
      # @example
      #   location "/api/*", methods: %w[GET POST], hosts: ["api.example.com"] do
      #     proxy to: "http://127.0.0.1:3001{path}{query}"
      #   end
      # @example Captures
      #   location "/users/:id([0-9]+)" do
      #     proxy to: "http://users.internal/v2/accounts/{id}{query}"
      #   end
      # @example Conditions alone
      #   location headers: { "Upgrade" => /\Awebsocket\z/i } do
      #     proxy to: "http://127.0.0.1:3002{path}{query}", preserve_host: true
      #   end
      def location(*patterns, **options, &block)
        place = @__draft.place(:location)
        given = patterns.flatten(1)
        if given.empty? && options.empty?
          place.error("there is neither a path nor a condition: write #{Types::PATTERNS.hint}, or a condition such as methods: [\"GET\"]")
        end
        read, = Options::LOCATION.read(options, place)
        values = given.empty? ? INVALID : Options::LOCATION.takes.read(given, place)
        values = Nesting.whole(values, @__draft.around, place) unless values.equal?(INVALID)
        paths = Nesting.new(values) unless values.equal?(INVALID)
        add_location(place, read, values, "patterns", Options::LOCATION, paths, &block)
      end

      # Selects requests by the host that the client asked for, in any letter case and whatever the port. The same as
      # `location hosts: […]`, whose other conditions it takes too.
      #
      # @param hosts [Array<String, Regexp>] `"example.com"`, `"*.example.com"` (all below it, not itself) or a Regexp
      # @example
      #   host "admin.example.com", "*.admin.example.com" do
      #     proxy to: "http://127.0.0.1:3003{path}{query}"
      #   end
      def host(*hosts, **options, &block)
        place = @__draft.place(:host)
        given = hosts.flatten(1)
        place.error("the host is missing: write #{Types::HOST_NAMES.hint}") if given.empty?
        read, = Options::HOST.read(options, place)
        values = given.empty? ? INVALID : Options::HOST.takes.read(given, place)
        add_location(place, { **read, "word" => "host" }, values, "hosts", Options::HOST, &block)
      end

      private

      # Adds a location; `values` are what stands in front of the options, and `paths` say where it is.
      def add_location(place, read, values, name, directive, paths = nil, &block)
        return place.error("has no block: write #{directive.name} #{example_of(directive)} do … end") && nil unless block

        # What stands inside is checked whatever selects it.
        routes = @__draft.inside(paths, tunnels: tunnels?(read)) { block.arity == 1 ? block.call(self) : block.call }
        read = { **read, name => values } unless values.equal?(INVALID)
        read = { **read, "inner" => paths.inner } if paths&.inner&.any?
        @__draft.add_route("location" => { **read, "routes" => routes, "at" => place.at })
        nil
      end

      # Whether the conditions are those of a WebSocket, or of another tunnel.
      def tunnels?(read)
        conditions = read["headers"].is_a?(Array) ? read["headers"] : []
        conditions.any? do |condition|
          wanted = condition["values"].reject { |value| value["present"] == false }
          name = condition["name"].downcase
          wanted.any? && (name == "upgrade" || (name == "connection" && wanted.to_s.match?(/upgrade/i)))
        end
      end

      def example_of(directive)
        directive.name == :host ? '"example.com"' : '"/api/*"'
      end
    end
  end
end
