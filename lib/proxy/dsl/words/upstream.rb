# frozen_string_literal: true

require_relative "../../blocks/listing"
require_relative "../backend_list"

module Proxy
  class DSL
    module Words
      # A named group of backends. `proxy` takes its options too.
      class Upstream < Word
        engine :pool
        prose "A set of backends with a name, which a `proxy` uses by writing it as the host of `to`."
        details <<~TEXT
          The `proxy` may stand before or after this line. All that use it share its connections, its figures and what
          is known of its backends' health. A name has letters, digits, `_`, `-` and `.`.
        TEXT
        example <<~RUBY
          upstream "app_servers",
                   backends: [{ address: "127.0.0.1:8000", weight: 3 }, "127.0.0.1:8001",
                              { address: "127.0.0.1:8002", backup: true }],
                   backend_priority: :least_conn
          proxy to: "http://app_servers{path}{query}"
        RUBY

        # A name, as a String or a Symbol.
        class Name < Types::Text
          def signature = "String | Symbol"

          def read(value, place)
            super(value.is_a?(Symbol) ? value.to_s : value, place)
          end
        end

        NAME = Name.new("String", 'a name, such as "app_servers"')
        PROTOCOL = Types::Name.new(
          "name", %w[http1 http2 auto],
          others: { "h1" => "http1", "h2" => "http2", "h2c" => "http2", "http/1.1" => "http1", "http/2" => "http2",
                    "grpc" => "http2" }
        )

        takes NAME, as: :name

        option :backends, Types::BACKENDS, <<~TEXT, required: true, unset: true
          Where requests go: `"10.0.0.1:3001"`, `"host"` (port 80, or 443 for https), `"http://…"`, `"https://…"`,
          `"h2://…"` (HTTP/2 without TLS), `"[::1]:3001"`, `"unix:/run/app.sock"`, `:app` (what `proxy run` starts),
          or a Hash. A path in a URL is ignored. Or a block without arguments that returns such an Array: it is called
          at the start and after every `interval`, and a list that it returns replaces the one before. If it fails, the
          last list stays.
        TEXT
        option :interval, Types::SECONDS, "Time between two calls of a block in `backends`."
        option :backend_priority, Types::PRIORITY, "How a backend is chosen.", aliases: [:strategy]
        option :verify_ssl, Types::SWITCH, "Verify the backend's certificate."
        option :tls_sni, Types::SWITCH, "Send the server's name in the TLS handshake."
        option :ca_file, Types::PEM_FILE, "PEM file of the authorities that may have signed a backend's certificate.",
               default: "the system's roots", unset: true
        option :client_certificate, Types::PEM_FILE, "PEM file of the certificate chain that is shown to backends.",
               default: "none", unset: true
        option :client_key, Types::PEM_FILE, "PEM file of the key of `client_certificate`.",
               default: "none", unset: true
        option :protocol, PROTOCOL, <<~TEXT, default: "by URL: HTTP/2 for `h2://`, HTTP/1.1 otherwise", unset: true
          `http1`; `http2`, over TLS if the handshake agrees on it (ALPN), without TLS at once; or `auto`, whichever
          the handshake agrees on.
        TEXT
        option :proxy_protocol, Types::Name.new("name", %w[v1 v2]),
               "`v1` or `v2`: each connection begins with a header of the PROXY protocol.", default: "none", unset: true
        option :keepalive, Types::COUNT, <<~TEXT
          Idle connections kept per backend and engine thread; `0` keeps none. Those of HTTP/2 are shared while in
          use.
        TEXT
        option :keepalive_timeout, Types::SECONDS, <<~TEXT
          Time after which an idle backend connection is closed. Shorter than the 20 seconds of Puma 5 and 6, so that
          the proxy closes first. A backend's own `Keep-Alive: timeout=` is respected, less a second.
        TEXT
        option :health_check, Types::HEALTH_CHECK, "A Hash that says how backends are checked.",
               default: "none", unset: true
        option :max_fails, Types::COUNT,
               "Failed attempts within `fail_timeout` after which a backend is taken out; `0`: never."
        option :fail_timeout, Types::SECONDS,
               "Time in which `max_fails` are counted, and for which a backend is then taken out."
        option :max_connections, Types::COUNT, <<~TEXT, default: "any number", unset: true
          Requests that one backend gets at once. A WebSocket or another tunnel stops counting once it is open.
        TEXT
        option :max_tunnels, Types::COUNT, "WebSockets and other tunnels that one backend has at once; 503 for more.",
               default: "any number", unset: true
        option :queue, Types::COUNT, <<~TEXT
          Requests that may wait while every backend has its `max_connections`; others are answered 503 at once.
        TEXT
        option :queue_timeout, Types::SECONDS, "Longest time that a request waits in the `queue`; 503 after that."
        option :hold, Types::SWITCH, <<~TEXT
          Let requests wait in the `queue` also while no backend accepts connections or none gets requests, for example
          while an application restarts.
        TEXT
        option :required, Types::SWITCH, <<~TEXT
          Whether `/health/ready` of the [control API](control.md) says that the proxy is ready only while a backend here
          gets requests.
        TEXT
        option :slow_start, Types::SECONDS, <<~TEXT, default: "none", unset: true
          Time in which a backend that came back goes from a small share to its full share.
        TEXT

        together :client_certificate, :client_key

        # The options in the engine's form: a block that lists the backends is known by its number.
        def self.with_block(options, call)
          block = options["backends"]
          return options unless block.respond_to?(:call)

          listing = ::Proxy::Blocks::Listing.new(block, call.place.directory)
          { **options.except("backends"), "backends_block" => call.draft.add_block(listing) }
        end

        # Stand-in for backends that were reported as wrong, so that the engine still checks the other options.
        STAND_IN = [{ "address" => "localhost" }].freeze
        SEVERAL = 'backends: ["127.0.0.1:3001", "127.0.0.1:3002"]'
        private_constant :STAND_IN, :SEVERAL

        private

        def run(call)
          place, options = call.place, call.options
          return unless call.draft.top_level?(place)

          place.error("takes no block: write upstream \"app\", #{SEVERAL}") if call.block
          name = name_of(call.arguments, place)
          given, = read(options, place)
          backends_missing(call) if call.arguments.length == 1 && !call.block && no_backends?(options)
          return if name.equal?(INVALID)

          pool = Upstream.with_block({ "backends" => STAND_IN, **sound_pairs(given, options) }, call)
          call.draft.add_upstream("name" => name, "pool" => pool, "at" => place.at)
        end

        # Advice for `ssl:` and the like, even if an option has a similar spelling: TLS is part of the address here.
        def note(key) = Foreign.note(key)

        def name_of(names, place)
          return takes.read(names.first, place) if names.length == 1
          return place.error("the name is missing: write #{takes.hint}") if names.empty?

          place.error("takes one name, not #{names.length}: write upstream #{Format.show(names.first)}, " \
                      "backends: [\"127.0.0.1:3001\"]")
        end

        # Whether `backends` was not written, not even misspelt.
        def no_backends?(options)
          options[:backends].nil? &&
            options.keys.none? { |key| !names.include?(key) && Spelling.nearest(key, names) == :backends }
        end

        def backends_missing(call)
          is_nil = call.options.key?(:backends)
          hint = call.draft.foreign_self if is_nil
          call.place.error("`backends` is #{is_nil ? "nil" : "missing"}: write #{SEVERAL}#{hint}")
        end
      end
    end
  end
end
