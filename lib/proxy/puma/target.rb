# frozen_string_literal: true

module Proxy
  module Puma
    # Name of the upstream of Puma's sockets.
    # @api private
    UPSTREAM = "puma"

    # The Puma behind the proxy: options of the word `puma`, and the sockets that Puma listens on. It becomes the
    # upstream "puma".
    # @api private
    class Target
      URL = "http://#{UPSTREAM}{path}{query}"
      # Options that differ from the engine's defaults.
      POOL = { "backend_priority" => { "named" => "least_conn" }, "queue" => 1024, "queue_timeout" => 30.0 }.freeze
      private_constant :URL, :POOL

      def initialize
        @routes = []
        @pool = {}
        @places = {}
      end

      # Reads a call of `puma`: adds its handler to the draft. Options of the upstream may be written only once.
      def call(draft, options, place)
        shared = Proxy::DSL::Words::BY_NAME.fetch(:upstream).options.map { |option| option.name.to_s } << "workers"
        pool, own = options.partition { |name, _| shared.include?(name) }.map(&:to_h)
        pool.each { |name, value| once(name, value, place) }
        add(draft, own, place.at)
      end

      # How workers get requests: "each" has a socket of its own, or all accept on a "shared" one; nil if not written.
      def workers
        @pool["workers"]
      end

      # Requests that a worker gets at once; nil if not written.
      def max_connections
        @pool["max_connections"]
      end

      # Whether every request to Puma has the client's address in X-Real-IP, if the client has one.
      def tells_address?
        @routes.map { |route| route.fetch("proxy") }.all? do |handler|
          handler.fetch("forwarded_headers", true) == true &&
            handler.fetch("headers", []).none? { |edit| edit["name"].casecmp?("X-Real-IP") }
        end
      end

      # Completes the configuration with the sockets and the defaults for this Puma.
      def close(draft, backends, defaults)
        add(draft, {}, nil) if draft.to_h.fetch("routes").none? { |route| @routes.any? { |own| own.equal?(route) } }
        @upstream = { "name" => UPSTREAM, "pool" => { **POOL, **defaults, **@pool.except("workers") } }
        draft.add_upstream(@upstream)
        self.backends = backends
      end

      # Replaces the sockets.
      def backends=(backends)
        @upstream["pool"]["backends"] = backends
      end

      # A warning that Puma gets no requests as a mistake, one about an option of the upstream with the line of `puma`,
      # and any other problem as it is. If there are several handlers for Puma, one may be out of reach.
      def told(problem)
        return of_pool(problem) if problem.directive == "upstream" && problem.file.nil?
        return problem unless problem.code == :unreachable && problem.directive == "proxy" && ours?(problem)
        return problem.line && problem if @routes.length > 1

        before, file, line = problem.message.match(/never answers: (\S+)(?: at (.*?):(\d+))?/).to_a.drop(1)
        Problem.new(file: file, line: line&.to_i, directive: before,
                    message: "it takes every request, and Puma is asked for nothing: write puma above it")
      end

      private

      def of_pool(problem)
        # The same mistake once more, in what the option made of the sockets.
        return if problem.message.match?(/\Abackends: .*: max_connections: /) && @places.key?("max_connections")

        place = @places[problem.message[/\A\w+/]] or return problem
        Problem.new(**place.at.transform_keys(&:to_sym), directive: "puma", message: problem.message)
      end

      def ours?(problem)
        at = { "file" => problem.file, "line" => problem.line }
        @routes.any? { |route| route.fetch("proxy").fetch("at", { "file" => nil, "line" => nil }) == at }
      end

      def add(draft, own, at)
        handler = { "to" => URL, "preserve_host" => true, **own }
        handler["at"] = at if at
        @routes << { "proxy" => handler }
        draft.add_route(@routes.last)
      end

      def once(name, value, place)
        if @pool.fetch(name, value) != value
          return place.error("#{name}: has another value at #{@places[name]}: it is one for all of Puma, write it once")
        end

        @pool[name] = value
        @places[name] = place
      end
    end
  end
end
