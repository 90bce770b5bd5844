# frozen_string_literal: true

module Proxy
  class DSL
    module Options
      # The answer of a filter to what it refuses.
      refusal = lambda do |name|
        option(:error_response, Types::ERROR_RESPONSE, default: "the built-in `#{name}`", unset: true,
               prose: "The response to a refused request.")
      end

      # Filters that hold requests to limits, and those that change where they go.
      TRAFFIC_FILTERS = [
        Directive.new(
          :rate_limit, :filters,
          prose: "Lets a number of requests pass in any span of so many seconds, and refuses the rest.",
          options: [
            option(:requests, Types::REQUEST_COUNT, default: Option::REQUIRED, prose: "How many requests may pass."),
            option(:seconds, Types::SECONDS, default: Option::REQUIRED, prose: "The length of the span in which they are counted."),
            option(:key, Types::LIMIT_KEY, default: "`address`",
                   prose: "Which requests are counted together: those from one `address`, or with one value of `{ header: \"…\" }`, " \
                          "`{ query: \"…\" }` or `{ rewrite: \"…\" }`."),
            option(:store, Types::LIMIT_STORE, default: "`memory`", prose: "Where the counts are kept: `memory`."),
            option(:max_keys, Types::COUNT, default: "`100_000`",
                   prose: "How many keys are counted at once; beyond that, the longest idle ones are forgotten."),
            refusal.call("too_many_requests")
          ]
        ),
        Directive.new(
          :allow_list, :filters, takes: Types::NETWORKS,
          prose: "Refuses every client whose address is not among these. A client of a unix socket has no address.",
          options: [refusal.call("forbidden")]
        ),
        Directive.new(
          :deny_list, :filters, takes: Types::NETWORKS,
          prose: "Refuses every client whose address is among these.",
          options: [refusal.call("forbidden")]
        ),
        Directive.new(
          :rewrite, :filters,
          prose: "Changes the path that the filters after it and the handlers see. Locations are not tried again.",
          options: [
            option(:path, Types::PATH_REWRITE, default: Option::REQUIRED,
                   prose: "The new path, a string rewrite. The query stays unless there is a `?` or `{query}` in it."),
            refusal.call("bad_request")
          ]
        ),
        Directive.new(
          :max_body, :filters, takes: Types::BODY_SIZE,
          prose: "Refuses requests with a longer body. The innermost `max_body` applies.",
          options: [refusal.call("payload_too_large")]
        ),
        Directive.new(
          :cors, :filters,
          prose: "Lets pages from other origins use this site, and answers their preflight requests.",
          options: [
            option(:origins, Types::ORIGINS, default: Option::REQUIRED,
                   prose: "The origins of those pages: `\"https://app.example.com\"`, `\"https://*.example.com\"`, or `\"*\"` for all."),
            option(:methods, Types::METHODS, default: "GET, HEAD, POST", prose: "Methods that they may use; `\"*\"` for all."),
            option(:headers, Types::CORS_FIELDS, default: "`[]`",
                   prose: "Headers that they may send besides those that are always allowed; `\"*\"` for all."),
            option(:expose, Types::CORS_FIELDS, default: "`[]`",
                   prose: "Headers of the response that they may read besides those that are always allowed; `\"*\"` for all."),
            option(:credentials, Types::SWITCH, default: "`false`", prose: "Whether they may send cookies."),
            option(:max_age, Types::SECONDS, default: "up to the browser", unset: true,
                   prose: "How long a browser may remember the answer to a preflight.")
          ]
        ),
        Directive.new(
          :log_requests, :filters,
          prose: "Writes lines about requests to where the proxy's log goes, at level `info`, with the request's id.",
          options: [
            option(:before, Types::LOG_LINE, default: "none", unset: true, prose: "The line for a request when it arrives, a string rewrite."),
            option(:after, Types::LOG_LINE, default: "none", unset: true,
                   prose: "The line for a request when it has been answered, a string rewrite that may use all that an access log may.")
          ]
        ),
        Directive.new(
          :redirect_http_to_https!, :filters,
          prose: "Redirects requests that did not come over https to the same URL with https (308).",
          options: [option(:port, Types::PORT, default: "`443`", prose: "The port that https is served on.")]
        )
      ].freeze

      # Sends the client elsewhere.
      REDIRECT = Directive.new(
        :redirect, :redirect,
        prose: "Sends the client elsewhere.",
        options: [
          option(:to, Types::LOCATION_TARGET, default: Option::REQUIRED,
                 prose: "Where to: an absolute URL or a path, a string rewrite. A URL without a path is that site's `/`."),
          option(:type, Types::REDIRECT_TYPE, default: "`found`",
                 prose: "`permanent` (308) and `temporary` (307) keep the method; `moved_permanently` (301) and `found` (302) may turn " \
                        "it into GET.")
        ]
      )
    end
  end
end
