# frozen_string_literal: true

module Proxy
  class DSL
    module Options
      # What `upstream` and a `proxy` of its own backends have in common.
      POOL = Directive.new(
        :pool, :upstream,
        prose: "Where requests go, and how a backend is chosen, spoken to and checked.",
        options: [
          option(:backends, Types::BACKENDS, default: "the host of `to`", unset: true,
                 prose: "Where requests go: `\"10.0.0.1:3001\"`, `\"host\"` (port 80, or 443 for https), `\"http://…\"`, " \
                        "`\"https://…\"`, `\"h2://…\"` (HTTP/2 without TLS), `\"[::1]:3001\"`, " \
                        "`\"unix:/run/app.sock\"`, or a Hash. A path in a URL is ignored."),
          option(:backend_priority, Types::PRIORITY, default: "`round_robin`", aliases: [:strategy],
                 prose: "How a backend is chosen."),
          option(:verify_ssl, Types::SWITCH, default: "`true`", prose: "Verify the backend's certificate."),
          option(:tls_sni, Types::SWITCH, default: "`true`", prose: "Send the server's name in the TLS handshake."),
          option(:ca_file, Types::PEM_FILE, default: "the system's roots", unset: true,
                 prose: "PEM file of the authorities that may have signed a backend's certificate."),
          option(:client_certificate, Types::PEM_FILE, default: "none", unset: true,
                 prose: "PEM file of the certificate chain that is shown to backends."),
          option(:client_key, Types::PEM_FILE, default: "none", unset: true, prose: "PEM file of the key of `client_certificate`."),
          option(:protocol, Types::PROTOCOL, default: "by URL: HTTP/2 for `h2://`, HTTP/1.1 otherwise", unset: true,
                 prose: "`http1`; `http2`, over TLS if the handshake agrees on it (ALPN), without TLS at once; or `auto`, whichever the " \
                        "handshake agrees on."),
          option(:proxy_protocol, Types::PROXY_PROTOCOL, default: "none", unset: true,
                 prose: "`v1` or `v2`: each connection begins with a header of the PROXY protocol."),
          option(:keepalive, Types::COUNT, default: "`64`",
                 prose: "Idle connections kept per backend and engine thread; `0` keeps none. Those of HTTP/2 are shared while in use."),
          option(:keepalive_timeout, Types::SECONDS, default: "`15`",
                 prose: "Time after which an idle backend connection is closed. Shorter than the 20 seconds of Puma 5 and 6, so that the proxy closes first. " \
                        "A backend's own `Keep-Alive: timeout=` is respected, less a second."),
          option(:health_check, Types::HEALTH_CHECK, default: "none", unset: true,
                 prose: "A Hash that says how backends are checked."),
          option(:max_fails, Types::COUNT, default: "`0`",
                 prose: "Failed attempts within `fail_timeout` after which a backend is taken out; `0`: never."),
          option(:fail_timeout, Types::SECONDS, default: "`10`",
                 prose: "Time in which `max_fails` are counted, and for which a backend is then taken out."),
          option(:max_connections, Types::COUNT, default: "any number", unset: true,
                 prose: "Requests that one backend gets at once. A WebSocket or another tunnel stops counting once it is open."),
          option(:max_tunnels, Types::COUNT, default: "any number", unset: true,
                 prose: "WebSockets and other tunnels that one backend has at once; 503 for more."),
          option(:queue, Types::COUNT, default: "`0`",
                 prose: "Requests that may wait while every backend has its `max_connections`; others are answered 503 at once."),
          option(:queue_timeout, Types::SECONDS, default: "`5`", prose: "Longest time that a request waits in the `queue`; 503 after that."),
          option(:slow_start, Types::SECONDS, default: "none", unset: true,
                 prose: "Time in which a backend that came back goes from a small share to its full share.")
        ]
      )

      # Names a set of backends.
      UPSTREAM = Directive.new(
        :upstream, :upstream, takes: Types::UPSTREAM_NAME,
        prose: "A set of backends with a name, which a `proxy` uses by writing it as the host of `to`.",
        options: POOL.options
      )

      # One backend with more to say of it than its address.
      BACKEND = Directive.new(
        :backend, :upstream,
        prose: "A Hash in `backends:`.",
        options: [
          option(:address, Types::ADDRESS, default: Option::REQUIRED, prose: "As in a String."),
          option(:weight, Types::COUNT, default: "`1`", prose: "Its share of the requests compared with the others, 1 to 65535."),
          option(:backup, Types::SWITCH, default: "`false`", prose: "Use it only when no other backend is available."),
          option(:max_connections, Types::COUNT, default: "that of all", unset: true, prose: "Requests that it gets at once."),
          option(:max_tunnels, Types::COUNT, default: "that of all", unset: true, prose: "Tunnels that it has at once."),
          option(:slow_start, Types::SECONDS, default: "that of all", unset: true,
                 prose: "Time in which it goes from a small share to its full share after it came back.")
        ]
      )

      # How backends are asked whether they are well.
      HEALTH_CHECK = Directive.new(
        :health_check, :upstream,
        prose: "The Hash that `health_check:` takes.",
        options: [
          option(:path, Types::CHECK_PATH, default: "`/`", prose: "The path that is requested, query included."),
          option(:method, Types::METHOD, default: "`GET`", prose: "The method of the request."),
          option(:headers, Types::PAIRS, default: "`{}`", prose: "Headers of the request."),
          option(:interval, Types::SECONDS, default: "`10`", prose: "Time between two checks of a backend."),
          option(:timeout, Types::SECONDS, default: "`5`", prose: "Time in which the whole response must arrive."),
          option(:status, Types::STATUSES, default: "`200..399`",
                 prose: "Status codes that mean healthy: a code, a range, or an Array of them."),
          option(:body, Types::BODY_MATCH, default: "anything", unset: true,
                 prose: "What the body must contain: a String, or a Regexp."),
          option(:tcp, Types::SWITCH, default: "`false`", prose: "It is enough that a connection can be made; nothing is requested."),
          option(:grpc, Types::SWITCH, default: "`false`",
                 prose: "Call `grpc.health.v1.Health/Check`; `SERVING` means healthy. `headers` are the call's metadata."),
          option(:service, Types::SERVICE, default: "`\"\"`", prose: "The gRPC service that is asked about; `\"\"` is the whole server."),
          option(:port, Types::COUNT, default: "the backend's", unset: true, prose: "A port other than the backend's."),
          option(:rise, Types::COUNT, default: "`2`", prose: "Successes in a row after which a backend returns."),
          option(:fall, Types::COUNT, default: "`3`", prose: "Failures in a row after which a backend leaves.")
        ]
      )
    end
  end
end
