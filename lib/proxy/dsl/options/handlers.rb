# frozen_string_literal: true

module Proxy
  class DSL
    module Options
      # Forwards to backends.
      PROXY = Directive.new(
        :proxy, :proxy,
        prose: "Forwards the request to a backend and streams the response back.",
        options: [
          option(:to, Types::TARGET, default: "the backend's own address with `{path}{query}`", unset: true,
                 prose: "Target URL, a string rewrite. One that ends with the host and its port, as `http://127.0.0.1:3000`, means " \
                        "`{path}{query}` after it; `http://127.0.0.1:3000/` means `/`. Its host is the `Host` header and the SNI name. Without " \
                        "`backends` it is where the request goes: an `upstream` of that name, or what DNS says."),
          *POOL.options,
          option(:preserve_host, Types::SWITCH, default: "`false`",
                 prose: "Pass on the client's `Host`, port included, in place of that of `to`; for an HTTP/2 backend it becomes the `:authority`. " \
                        "Rails needs this. The SNI name stays that of `to`. `headers` with a `Host` wins."),
          option(:headers, Types::EDITS, default: "`{}`",
                 prose: "Request headers to set: a String is literal, `{ rewrite: \"…\" }` is a string rewrite, an Array is several " \
                        "values, `nil` removes."),
          option(:response_headers, Types::EDITS, default: "`{}`", prose: "The same for the response."),
          option(:timeout, Types::SECONDS, default: "`30`",
                 prose: "Time until the response head arrives, over all attempts; 504 after that."),
          option(:connect_timeout, Types::SECONDS, default: "`5`", prose: "Time to connect, TLS included, for each attempt."),
          option(:read_timeout, Types::SECONDS, default: "the value of `timeout`",
                 prose: "Longest pause between two pieces of the response."),
          option(:write_timeout, Types::SECONDS, default: "`10`",
                 prose: "Longest time that a write to the backend may make no progress."),
          option(:tunnel_timeout, Types::SECONDS, default: "`3600`",
                 prose: "Longest silence, in both directions, of an upgraded connection such as a WebSocket."),
          option(:retries, Types::COUNT, default: "the number of backends", prose: "Further attempts after the first."),
          option(:retry_on, Types::RETRY_ON, default: "connection failures",
                 prose: "What else makes an idempotent request be sent again: `:timeout`, `502`, `503`, `504`."),
          option(:retry_budget, Types::PERCENT, default: "`20`",
                 prose: "Further attempts in flight, as a percentage of the requests in flight. Three are always allowed."),
          option(:retry_buffer, Types::BYTES, default: "`1_048_576`",
                 prose: "How much of an idempotent request's body is kept for a second attempt; a longer one is streamed and not " \
                        "sent again."),
          option(:error_response, Types::ERROR_RESPONSE, default: "the built-in `bad_gateway`", unset: true,
                 prose: "The response to a failed request: a built-in name or a Hash."),
          option(:path_prefix, Types::PATH_PREFIX, default: "every path", unset: true,
                 prose: "Only paths equal to it or below it are proxied; others go to the next handler."),
          option(:strip_prefix, Types::STRIPPED, default: "`false`", prose: "Take `path_prefix` off `{path}`."),
          option(:forwarded_headers, Types::FORWARDED, default: "`true`",
                 prose: "Send `X-Forwarded-For` and related headers; `:rfc7239` sends `Forwarded` instead; `false` passes on what " \
                        "`trusted_proxies` say and nothing else of that kind."),
          option(:max_body, Types::BODY_BYTES, default: "what a `max_body` around it says", unset: true,
                 prose: "Longest body of a request; 413 above it."),
          option(:allow_underscores, Types::UNDERSCORED_NAMES, default: "`[]`",
                 prose: "Request headers with `_` or `.` in their name that are passed on; all others of that kind are dropped."),
          option(:request_trailers, Types::SWITCH, default: "`false`",
                 prose: "Send the trailers of requests to backends that speak HTTP/1.1 too, which may mistake them for ordinary " \
                        "headers; HTTP/2 backends always get them.")
        ]
      )

      # Answers by itself.
      STATIC_RESPONSE = Directive.new(
        :static_response, :static_response,
        prose: "Answers without a backend.",
        options: [
          option(:code, Types::CODE, default: "`200`", prose: "Status code."),
          option(:headers, Types::PAIRS, default: "`{}`",
                 prose: "Headers: a Hash, or an Array of `[name, value]` pairs; an Array as a value is several headers."),
          option(:body, Types::TEXT_BODY, default: "`\"\"`", prose: "The body.")
        ]
      )

      # A person's own error response.
      ERROR_RESPONSE = Directive.new(
        :error_response, :error_response,
        prose: "The Hash that `error_response:` takes.",
        options: [
          option(:status, Types::CODE, default: "500", aliases: [:code], prose: "Status code."),
          option(:plaintext, Types::CONTENT, default: "none", unset: true,
                 prose: "Body for `text/plain`: a String, `{ inline: \"…\" }` or `{ file: \"…\" }`."),
          option(:json, Types::JSON_CONTENT, default: "none", unset: true,
                 prose: "Body for `application/json`; a Hash as `inline` is written as JSON."),
          option(:html, Types::CONTENT, default: "none", unset: true, prose: "Body for `text/html`."),
          option(:default, Types::FORMAT, default: "the first there is", aliases: [:default_format], unset: true,
                 prose: "`plaintext`, `json` or `html`: what is sent when the request's `Accept` matches none."),
          option(:headers, Types::PAIRS, default: "`{}`", prose: "Headers added to the response.")
        ]
      )
    end
  end
end
