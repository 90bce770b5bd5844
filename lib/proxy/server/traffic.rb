# frozen_string_literal: true

require "json"

module Proxy
  class Server
    # Pauses, maintenance and rollouts while the server runs. A reload keeps them; a start does not.
    module Traffic
      # Pauses an upstream: its requests are held, before a backend is chosen, until {#resume}. At most its `queue` are
      # held at once, 1,000 without one. Open WebSockets and health checks go on.
      #
      # @param upstream [String] its name, as in {Server#stats}
      # @param for [Numeric] seconds from now, up to a day; after them, requests get 503 until {#resume}
      # @return [self]
      # @raise [ArgumentError] if there is no such upstream; the message lists the existing ones
      # @example
      #   server.pause("app", for: 30)
      #   migrate
      #   server.resume("app")
      def pause(upstream, for: 30)
        change_traffic("pause", upstream: upstream, for: Float(binding.local_variable_get(:for)))
        self
      end

      # Ends the pause and the maintenance of an upstream. Requests that are held go on, in the order in which they
      # came.
      #
      # @param upstream [String, nil] its name; nil ends the maintenance of all upstreams
      # @return [self]
      # @raise [ArgumentError] as for {#pause}
      # @example
      #   server.resume("app")
      def resume(upstream = nil)
        change_traffic("resume", upstream: upstream)
        self
      end

      # Begins maintenance: requests get 503 with `Retry-After` and a page, but for clients that are let in.
      #
      # @param upstream [String, nil] its name; nil for all upstreams
      # @param message [String, nil] what clients are told
      # @param allow [Array<String>] addresses and networks of clients that are let in
      # @param retry_after [Integer] seconds after which clients are told to try again
      # @param bypass [Boolean] whether to make a cookie that lets its owner in
      # @return [String, nil] with `bypass`, the cookie as `NAME=VALUE`. A browser gets it from a path with that as its
      #   query, such as `/?NAME=VALUE`
      # @raise [ArgumentError] if there is no such upstream, or if something is wrong; everything stays as it was
      # @example
      #   server.maintenance("app", message: "Back at nine.", allow: ["10.0.0.0/8"])
      def maintenance(upstream = nil, message: nil, allow: [], retry_after: 60, bypass: false)
        told = change_traffic("maintenance", upstream: upstream, message: message, allow: allow,
                                             retry_after: retry_after, bypass: bypass)
        told["cookie"]
      end

      # Ends maintenance.
      #
      # @param upstream [String, nil] as for {#maintenance}
      # @return [self]
      # @raise [ArgumentError] if there is no such upstream
      # @example
      #   server.end_maintenance("app")
      def end_maintenance(upstream = nil)
        change_traffic("maintenance", upstream: upstream, off: true)
        self
      end

      # Sets the percentage of requests that a `split` sends to an upstream, until the file says another one.
      #
      # @param upstream [String] its name, as in the `split`
      # @param percent [Numeric] 0 to 100; a larger one moves nobody back
      # @return [self]
      # @raise [ArgumentError] if no `split` has that upstream, or if there would be more than 100 per cent
      # @example
      #   server.rollout("v2", 20)
      def rollout(upstream, percent)
        change_traffic("rollout", upstream: upstream, percent: Float(percent))
        self
      end

      # Makes stored responses stale: each is validated before its next use, or sent once more meanwhile, if it may be.
      #
      # @param url [String, nil] a URL, or a pattern with `*`; one that begins with `/` is a path, for every host
      # @param tag [String, nil] a tag that responses have in `Surrogate-Key` or `Cache-Tag`
      # @param all [Boolean] whether everything is purged
      # @param hard [Boolean] whether the responses are removed
      # @param cache [String, nil] the name of one cache; nil: all of them
      # @return [Integer] the number of responses
      # @raise [ArgumentError] if not one of `url`, `tag` and `all` is given, or if there is no such cache
      # @example
      #   server.purge("https://example.com/blog/*")
      #   server.purge(tag: "post-1")
      def purge(url = nil, tag: nil, all: false, hard: false, cache: nil)
        facts = { url: url && utf8(url), tag: tag && utf8(tag), all: all || nil, hard: hard || nil,
                  cache: cache && utf8(cache) }
        change_traffic("purge", upstream: nil, **facts)["purged"]
      end

      private

      def change_traffic(name, upstream:, **facts)
        body = { upstream: upstream && utf8(upstream), **facts }.compact
        JSON.parse(@native.change_traffic(name, JSON.generate(body)))
      end
    end
  end
end
