# frozen_string_literal: true

module Proxy
  class DSL
    module Options
      # One of several certificates.
      CERTIFICATE = Directive.new(
        :certificate, :server,
        prose: "A Hash in `certificates:` of `bind`.",
        options: [
          option(:certificate, Types::CERTIFICATE_FILE, default: Option::REQUIRED, aliases: [:cert],
                 prose: "PEM file of the server's certificate, followed by those that lead to its root."),
          option(:key, Types::KEY_FILE, default: "in the certificate's file", unset: true,
                 prose: "PEM file of the certificate's key: RSA, ECDSA or Ed25519, not encrypted."),
          option(:domains, Types::DOMAINS, default: "those in the certificate", unset: true,
                 prose: "Names that the certificate is shown for, such as `[\"example.com\", \"*.example.com\"]`."),
          option(:ocsp, Types::OCSP_FILE, default: "none", unset: true,
                 prose: "DER file with the authority's statement that the certificate is not revoked (OCSP), passed on to clients that ask."),
          option(:client_ca, Types::CA_FILE, default: "none", unset: true,
                 prose: "PEM file of the authorities that may have signed a client's certificate. Clients are then asked for a certificate."),
          option(:verify, Types::VERIFY, default: "require", unset: true,
                 prose: "With `client_ca`: `require`, or `optional` if clients may come without a certificate.")
        ]
      )

      # The same option where there may be none.
      OF_BIND = Option.new(:certificate, Types::CERTIFICATE_FILE, default: "none", aliases: [:cert], unset: true,
                           prose: CERTIFICATE.options.first.prose)
      private_constant :OF_BIND

      # What a server is: where it listens, how patient it is, what it writes down.
      SERVER = [
        Directive.new(
          :bind, :server, takes: Types::Text.new("URL", 'a URL, such as "http://0.0.0.0:8080" or "unix:///run/proxy.sock"'),
          default: "`http://0.0.0.0:8080`",
          prose: "An address to listen on: `http://ADDRESS:PORT` (IPv6 in brackets, port 0 for a free one), `https://ADDRESS:PORT`, " \
                 "`unix:///PATH` or `https+unix:///PATH`. May be written several times. Options may also stand in the URL: `?backlog=4096`.",
          options: [
            option(:backlog, Types::COUNT, default: "1024", prose: "Connections that may wait in the kernel to be accepted."),
            option(:proxy_protocol, Types::SWITCH, default: "`false`",
                   prose: "Each connection begins with a header of the PROXY protocol, from one of `trusted_proxies`."),
            option(:mode, Types::MODE, default: "what the umask leaves", unset: true,
                   prose: "Permissions of a unix socket's file: `0o660` or `\"660\"`. Whoever connects needs write permission."),
            option(:owner, Types::ACCOUNT, default: "who starts it", unset: true, prose: "The file's user, by name or number."),
            option(:group, Types::ACCOUNT, default: "who starts it", unset: true, prose: "The file's group, by name or number."),
            option(:protocols, Types::PROTOCOLS, default: "both", unset: true,
                   prose: "The protocols that are spoken there: `[\"h2\", \"h1\"]`, or one of them."),
            *CERTIFICATE.options.map { |option| option.name == :certificate ? OF_BIND : option },
            option(:certificates, Types::CERTIFICATES, default: "none", unset: true,
                   prose: "Several certificates, each a Hash. The first is shown to clients that ask for another name or none."),
            option(:min_tls, Types::TLS_VERSION, default: "1.2", unset: true, prose: "The oldest version of TLS: `\"1.2\"` or `\"1.3\"`.")
          ]
        ),
        Directive.new(
          :threads, :server, takes: Types::COUNT, default: "the number of processors",
          prose: "Engine threads. They are native threads and never take Ruby's global lock."
        ),
        Directive.new(
          :trusted_proxies, :server, takes: Types::PROXIES, default: "none",
          prose: "Addresses and networks of the proxies in front of this one, or `unix:` for those that come over a unix socket. Their " \
                 "`X-Forwarded-For` and related headers are trusted.",
          options: [
            option(:fields, Types::FORWARDED_FIELDS, default: "all of that kind", unset: true,
                   prose: "The headers from them that are trusted, such as `[\"X-Forwarded-For\", \"X-Forwarded-Proto\"]`; all others " \
                          "of that kind are dropped.")
          ]
        ),
        Directive.new(
          :resolver, :server, takes: Types::SERVERS, default: "the system's",
          prose: "DNS servers, each `ADDRESS` or `ADDRESS:PORT`."
        ),
        Directive.new(
          :shutdown_timeout, :server, takes: Types::SECONDS, default: "`30`",
          prose: "How long requests in flight may take when the server stops."
        ),
        Directive.new(
          :tunnel_grace, :server, takes: Types::SECONDS, default: "`5`",
          prose: "How much of `shutdown_timeout` tunnels and event streams get, which need not end by themselves. After it a WebSocket is told by a close frame " \
                 "(1001), an event stream ends after its last event, and any other tunnel is closed; `0`: at once."
        ),
        Directive.new(
          :handshake_timeout, :server, takes: Types::SECONDS, default: "`10`",
          prose: "A TLS handshake, or a header of the PROXY protocol, must be complete within this time."
        ),
        Directive.new(
          :client_header_timeout, :server, takes: Types::SECONDS, default: "`30`",
          prose: "A request head must arrive completely within this time."
        ),
        Directive.new(
          :client_body_timeout, :server, takes: Types::SECONDS, default: "`60`",
          prose: "Longest pause between two pieces of a body that a client sends or receives."
        ),
        Directive.new(
          :half_close_timeout, :server, takes: Types::SECONDS_OR_FALSE, default: "`1`",
          prose: "A client that has closed its side, and whose response has not begun after this time, is assumed to be gone: its request is given up. " \
                 "One that waits in a queue, or for a connection, goes after a tenth of a second. `false`: it is still served."
        ),
        Directive.new(
          :min_rate, :server, takes: Types::COUNT, default: "`240`",
          prose: "Bytes per second of a body that a client must send or receive, after the first 10 seconds of waiting for it; `0`: any. A slower " \
                 "one is answered 408, or cut off if its answer has begun. Tunnels, gRPC and event streams are not held to it."
        ),
        Directive.new(
          :keepalive_timeout, :server, takes: Types::SECONDS, default: "`75`",
          prose: "An idle client connection is closed after this."
        ),
        Directive.new(
          :max_connections, :server, takes: Types::COUNT, default: "`10_000`",
          prose: "Client connections served at once. Beyond that, the longest idle ones are closed to make room; only then do new " \
                 "ones wait in the kernel's backlog."
        ),
        Directive.new(
          :max_header_size, :server, takes: Types::BYTES, default: "`65_536`",
          prose: "Largest request head, start line and headers together; 431 above it and above 128 headers, 414 if the target alone is too long."
        ),
        Directive.new(
          :log_level, :server, takes: Types::LOG_LEVEL, default: "`info`",
          prose: "How much the proxy says about itself on standard error: `error`, `warn`, `info` or `debug`."
        ),
        Directive.new(
          :access_log, :server, takes: Types::LOG_FORMAT, default: "off",
          prose: "One line for every request: `combined`, `json`, or a string rewrite such as `\"{addr} {method} {path}\"`.",
          options: [
            option(:to, Types::OUTPUT_FILE, default: "standard output", prose: "A file to append to.", unset: true)
          ]
        )
      ].freeze
    end
  end
end
