# frozen_string_literal: true

module Proxy
  class DSL
    # What stands between a request and its handler: a filter lets a request pass, changed or not, or answers it. The filters of a
    # location and of what is around it run in the order in which they are written, outer ones first; that they stand before or behind
    # a handler or an inner location makes no difference. A response passes them in the opposite order.
    module Filters
      # Adds fields to the request and removes fields from it, before a handler sees it. Removals come first.
      #
      # @option options [Hash] :additions fields to add: a String is a string rewrite, an Array is several
      # @option options [Array<String>] :removals names of fields
      # @example
      #   request_headers additions: { "X-Client" => ["{addr}"] }, removals: ["Cookie"]
      def request_headers(*values, **options, &block)
        add_filter(:request_headers, values, options, &block)
      end

      # Adds fields to the response and removes fields from it, whoever made it. Removals come first.
      #
      # @option options [Hash] :additions fields to add: a String is a string rewrite, an Array is several
      # @option options [Array<String>] :removals names of fields
      # @example
      #   response_headers additions: { "Strict-Transport-Security" => "max-age=63072000" }, removals: ["Server"]
      def response_headers(*values, **options, &block)
        add_filter(:response_headers, values, options, &block)
      end

      # Lets so many requests pass in any span of so many seconds, and answers more with 429. Every response tells the client how many are
      # left. A request without the header or parameter that `key` names is counted under its address; one with several is refused.
      #
      # @option options [Integer] :requests how many may pass
      # @option options [Numeric] :seconds in how many seconds
      # @option options [String, Hash] :key `"address"` (default), `{ header: "…" }`, `{ query: "…" }` or `{ rewrite: "…" }`
      # @option options [Integer] :max_keys how many keys are counted at once
      # @option options [String, Symbol, Hash] :error_response what a refused request is answered
      # @example
      #   rate_limit requests: 100, seconds: 60
      #   rate_limit requests: 10, seconds: 1, key: { header: "X-Api-Key" }
      def rate_limit(*values, **options, &block)
        add_filter(:rate_limit, values, options, &block)
      end

      # Answers 403 to every client whose address is not among these. A client of a unix socket has no address, and is not.
      #
      # @param networks [Array<String>] addresses and networks
      # @option options [String, Symbol, Hash] :error_response what a refused request is answered
      # @example
      #   allow_list "10.0.0.0/8", "::1"
      def allow_list(*networks, **options, &block)
        add_filter(:allow_list, networks, options, as: "networks", &block)
      end

      # Answers 403 to every client whose address is among these.
      #
      # @param networks [Array<String>] addresses and networks
      # @option options [String, Symbol, Hash] :error_response what a refused request is answered
      # @example
      #   deny_list "192.0.2.7", "2001:db8::/32"
      def deny_list(*networks, **options, &block)
        add_filter(:deny_list, networks, options, as: "networks", &block)
      end

      # Changes the path that the filters behind it and the handlers see, `{path}` and `path_prefix` included. Locations are not tried
      # again, and logs show what the client sent.
      #
      # @option options [String] :path a string rewrite; with a `?` or `{query}` in it, it sets the query too
      # @option options [String, Symbol, Hash] :error_response what a request is answered for which no valid path comes of it
      # @example
      #   rewrite path: "/v2{path}"
      #   rewrite path: "/index.php?route={path}"
      def rewrite(*values, **options, &block)
        add_filter(:rewrite, values, options, &block)
      end

      # Answers 413 to a request whose body is longer: at once if it says how long it is, else when it has become too long. Of several,
      # the innermost one holds.
      #
      # @param bytes [Integer] the longest body
      # @option options [String, Symbol, Hash] :error_response what a refused request is answered
      # @example
      #   max_body 1_048_576
      def max_body(*bytes, **options, &block)
        # In a location it may be meant so.
        if bytes == [0] && @__draft.outermost?
          @__draft.place(:max_body).warning("0 refuses every body, where nginx means no limit: leave it out for no limit")
        end
        add_filter(:max_body, bytes, options, as: "bytes", &block)
      end

      # Lets pages of other origins use what is here, and answers their preflights itself. Write it before the filters that ask who a
      # client is: a preflight does not say.
      #
      # @option options [Array<String>] :origins whose pages: `"https://app.example.com"`, `"https://*.example.com"`, or `"*"`
      # @option options [Array<String>] :methods methods that they may use; default GET, HEAD and POST
      # @option options [Array<String>] :headers fields that they may send
      # @option options [Array<String>] :expose fields of the response that they may read
      # @option options [Boolean] :credentials whether they may send cookies
      # @option options [Numeric] :max_age seconds that a browser may remember the answer to a preflight
      # @example
      #   cors origins: ["https://app.example.com"], methods: %w[GET PUT], headers: ["X-Token"], credentials: true, max_age: 600
      def cors(*values, **options, &block)
        add_filter(:cors, values, options, &block)
      end

      # Writes lines about requests to where the proxy's log goes.
      #
      # @option options [String] :before the line when a request comes by, a string rewrite
      # @option options [String] :after the line when it has been answered, a string rewrite
      # @example
      #   log_requests before: "{method} {path} from {addr}", after: "{status} in {response_time}"
      def log_requests(*values, **options, &block)
        add_filter(:log_requests, values, options, &block)
      end

      # Redirects requests that did not come over https to the same URL with https, by a 308. It is a filter: it holds for everything in
      # its scope, wherever the handlers and inner locations stand.
      #
      # @option options [Integer] :port the port that https is served on; default 443
      # @example
      #   redirect_http_to_https!
      #   redirect_http_to_https! port: 8443
      def redirect_http_to_https!(*values, **options, &block)
        add_filter(:redirect_http_to_https!, values, options, &block)
      end

      private

      # Reads a directive of this kind. What it takes beside its options is kept under the name `as`; without what is `needed` the engine
      # is not asked.
      def add_filter(word, values, options, as: nil, needed: [], &block)
        place = @__draft.place(word)
        place.no_block if block
        directive = Options::BY_NAME.fetch(word)
        read, sound = directive.read(options, place)
        if as
          value = directive.takes.read(values, place)
          return if value.equal?(INVALID)

          read[as] = value
        elsif !values.empty?
          sound = false
          # What is written behind a word that asks for secrets may be one.
          shown = word.start_with?("auth_") ? Spelling.kind(values.first) : Spelling.show(values.first)
          place.options_only(shown, Examples.line(word) || "#{word} #{directive.names.first}: …")
        end
        # The engine would miss what was reported as wrong.
        lost = needed.any? { |name| !options[name].nil? && !read.key?(name.to_s) }
        return if lost || !(sound || directive.enough?(read))

        @__draft.add_route("filter" => { word.to_s => { **read, "at" => place.at } })
        nil
      end
    end
  end
end
