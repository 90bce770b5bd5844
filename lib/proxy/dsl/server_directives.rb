# frozen_string_literal: true

require "uri"

module Proxy
  class DSL
    # Where a server listens and how it behaves. Each directive but {#bind} may be written once, outside of every location.
    module ServerDirectives
      # Listens on an address. Without any, the server listens on `http://0.0.0.0:8080`. Options may also stand in the URL.
      #
      # @param url [String] `http://ADDRESS:PORT` (IPv6 in brackets; port 0 takes a free one), `https://ADDRESS:PORT`, `unix:///PATH`
      #   or `https+unix:///PATH`
      # @param options [Hash] the options that docs/reference.md lists, by Symbol
      # @option options [Integer] :backlog connections that may wait in the kernel to be accepted; default 1024
      # @option options [Boolean] :proxy_protocol whether each connection begins with a header of the PROXY protocol, from one of
      #   {#trusted_proxies}
      # @option options [Integer, String] :mode the permissions of a unix socket's file; `:owner` and `:group` are whose it is
      # @option options [String] :certificate a PEM file, for https
      # @option options [String] :key a PEM file with its key
      # @option options [Array<Hash>] :certificates several of them, chosen by the name that a client asks for
      # @example
      #   bind "http://0.0.0.0:8080"
      #   bind "http://[::1]:8080?backlog=4096"
      #   bind "unix:///run/proxy.sock", mode: 0o660, group: "www-data"
      #   bind "https://0.0.0.0:8443", certificate: "tls/site.pem", key: "tls/site.key"
      #   bind "https://0.0.0.0:8443?cert=tls/site.pem&key=tls/site.key"
      #   bind "https://localhost:8443" # with a certificate for one's own machine
      def bind(*url, **options, &block)
        place = @__draft.place(:bind)
        return unless @__draft.top_level?(place)

        place.no_block if block
        read = Bind.read(url, options, place)
        @__draft.add_bind(read) unless read.equal?(INVALID)
        nil
      end

      # Engine threads: native threads that serve requests and never take Ruby's global lock. Default: the number of processors.
      #
      # @param count [Integer]
      # @example
      #   threads 4
      def threads(*count, **options, &block)
        server_setting(:threads, count, options, &block)
      end

      # The proxies in front of this one. A request that comes from one of them is that of the right-most address of
      # `X-Forwarded-For` that is not among them, by the scheme of `X-Forwarded-Proto`; without `X-Forwarded-For`, `Forwarded` is read
      # the same way. `{addr}`, `{scheme}`, the access log, limits and lists see that client. Nobody else is believed: fields of that kind
      # are dropped.
      #
      # @param addresses [Array<String>] addresses and networks; `"unix:"` for whoever comes over a unix socket
      # @param options [Hash] the options that docs/reference.md lists, by Symbol
      # @option options [Array<String>] :fields the fields that they are believed; all others of that kind are dropped
      # @example
      #   trusted_proxies "10.0.0.0/8", "127.0.0.1", "fd00::/8"
      #   trusted_proxies "10.0.0.0/8", fields: ["X-Forwarded-For", "X-Forwarded-Proto"]
      def trusted_proxies(*addresses, **options, &block)
        list = addresses.flatten
        server_setting(:trusted_proxies, list.empty? ? [] : [list], options, &block)
      end

      # The DNS servers that are asked for the addresses of backends. Default: the system's configuration.
      #
      # @param servers [Array<String>] each `ADDRESS` or `ADDRESS:PORT`
      # @example
      #   resolver "127.0.0.1:53", "10.0.0.2"
      def resolver(*servers, **options, &block)
        addresses = servers.flatten
        server_setting(:resolver, addresses.empty? ? [] : [addresses], options, &block)
      end

      # How long requests in flight may take when the server stops. Default 30 seconds.
      #
      # @param seconds [Numeric]
      # @example
      #   shutdown_timeout 10
      def shutdown_timeout(*seconds, **options, &block)
        server_setting(:shutdown_timeout, seconds, options, &block)
      end

      # How much of `shutdown_timeout` tunnels and event streams get, which need not end by themselves. After it a WebSocket is told by a close
      # frame, an event stream ends after its last event, and any other tunnel is closed. 0: at once. Default 5 seconds.
      #
      # @param seconds [Numeric]
      # @example
      #   tunnel_grace 20
      def tunnel_grace(*seconds, **options, &block)
        server_setting(:tunnel_grace, seconds, options, &block)
      end

      # A TLS handshake must be complete in this time, and so must a header of the PROXY protocol. Default 10 seconds.
      #
      # @param seconds [Numeric]
      # @example
      #   handshake_timeout 5
      def handshake_timeout(*seconds, **options, &block)
        server_setting(:handshake_timeout, seconds, options, &block)
      end

      # A request head must be complete in this time, or the client is answered 408. Default 30 seconds.
      #
      # @param seconds [Numeric]
      # @example
      #   client_header_timeout 10
      def client_header_timeout(*seconds, **options, &block)
        server_setting(:client_header_timeout, seconds, options, &block)
      end

      # The longest pause between two pieces of a body that a client sends or takes. Default 60 seconds.
      #
      # @param seconds [Numeric]
      # @example
      #   client_body_timeout 20
      def client_body_timeout(*seconds, **options, &block)
        server_setting(:client_body_timeout, seconds, options, &block)
      end

      # How long a client that has ended its side is believed to wait for an answer that has not begun. Default 1 second.
      #
      # @param seconds [Numeric, false] `false`: it is served on
      # @example
      #   half_close_timeout false
      def half_close_timeout(*seconds, **options, &block)
        server_setting(:half_close_timeout, seconds, options, &block)
      end

      # The bytes a second that a client sends or takes of a body at least, after the first 10 seconds of waiting for it. A slower one is
      # answered 408, or cut off if its answer has begun. 0: any rate will do. Time that a backend takes does not count, and tunnels, gRPC
      # and event streams are not held to it. Default 240.
      #
      # @param bytes [Integer]
      # @example
      #   min_rate 1_000
      def min_rate(*bytes, **options, &block)
        server_setting(:min_rate, bytes, options, &block)
      end

      # After this time an idle client connection is closed. Default 75 seconds.
      #
      # @param seconds [Numeric]
      # @example
      #   keepalive_timeout 15
      def keepalive_timeout(*seconds, **options, &block)
        server_setting(:keepalive_timeout, seconds, options, &block)
      end

      # Client connections that are served at once. Beyond it those that have been idle longest are closed to make room; only then do
      # new ones wait in the kernel's backlog. Default 10 000, or what the limit of open files allows.
      #
      # @param count [Integer]
      # @example
      #   max_connections 50_000
      def max_connections(*count, **options, &block)
        server_setting(:max_connections, count, options, &block)
      end

      # The largest request head, start line and fields together; a larger one is answered 431. Default 65 536 bytes.
      #
      # @param bytes [Integer]
      # @example
      #   max_header_size 16_384
      def max_header_size(*bytes, **options, &block)
        server_setting(:max_header_size, bytes, options, &block)
      end

      # How much the proxy says about itself on standard error. Default `:info`.
      #
      # @param level [Symbol, String] `:error`, `:warn`, `:info` or `:debug`
      # @example
      #   log_level :debug
      def log_level(*level, **options, &block)
        server_setting(:log_level, level, options, &block)
      end

      # Writes one line for every request. Off unless it is asked for.
      #
      # @param format [String, Symbol, false] `"combined"`, `"json"`, or a string rewrite
      # @option options [String] :to a file to append to; default: standard output
      # @example
      #   access_log "combined"
      #   access_log "{addr} {method} {path} {status} {response_time}", to: "log/access.log"
      def access_log(*format, **options, &block)
        place = @__draft.place(:access_log)
        return unless @__draft.top_level?(place)

        read, = Options::BY_NAME.fetch(:access_log).read(options, place)
        place.no_block if block
        name = server_value(:access_log, format, place)
        place.error("false and `to` contradict each other: write a format, or leave `to` out") if name == false && read.key?("to")
        name = { "format" => name, "at" => place.at, **read } if name.is_a?(String)
        @__draft.set(:access_log, name || nil, place)
        nil
      end

      private

      def server_setting(name, values, options, &block)
        place = @__draft.place(name)
        return unless @__draft.top_level?(place)

        place.no_block if block
        read, = Options::BY_NAME.fetch(name).read(options, place)
        value = server_value(name, values, place)
        @__draft.set(name, value.equal?(INVALID) ? value : { "value" => value, "at" => place.at, **read }, place)
        nil
      end

      def server_value(name, values, place)
        type = Options::BY_NAME.fetch(name).takes
        return type.read(values.first, place) if values.length == 1

        return place.error("the value is missing: write #{type.hint}") if values.empty?

        file = ", to: #{Spelling.show(values.last)}" if name == :access_log && values.last.is_a?(String)
        place.error("takes one value, not #{values.length}: write #{name} #{Spelling.show(values.first)}#{file}")
      end

      # Reads the arguments of `bind`.
      # @api private
      module Bind
        def self.read(urls, options, place)
          directive = Options::BY_NAME.fetch(:bind)
          port = plain_port(urls, options)
          return place.error("#{port[:wrong]}: write bind #{"http://#{port[:host]}:#{port[:port]}".inspect}") if port

          unless urls.length == 1
            return place.error(urls.empty? ? "the URL is missing: write #{directive.takes.hint}" : "takes one URL: write a `bind` for each")
          end

          text = directive.takes.read(urls.first, place)
          return INVALID if text.equal?(INVALID)

          ours = in_our_words(text)
          return place.error("#{Spelling.show(text)} is not a valid URL: write #{ours}") if ours

          url, _, query = text.partition("?")
          given, sound = from_query(query, place)
          options = options.merge(given) { |key, *| sound = place.error("#{key} is written both in the URL and as an option: keep one of them") }
          read, fit = directive.read(options.reject { |_, value| value.equal?(INVALID) }, place)
          sound && !sound.equal?(INVALID) && fit ? { "url" => url, "at" => place.at, **read } : INVALID
        end

        # What Puma, nginx and HAProxy write for an address, as it is written here; nil for anything else.
        def self.in_our_words(text)
          case text
          when %r{\Atcp://(\S+)\z} then "http://#{$1}".inspect
          when %r{\Assl://([^?\s]+)} then "#{"https://#{$1}".inspect}, certificate: \"tls/site.pem\", key: \"tls/site.key\""
          when /\A\*?:(\d+)\z/, /\A(\d+)\z/ then "http://0.0.0.0:#{$1}".inspect
          when /\A(?:[\w.-]+|\[[\h:.]+\]):\d+\z/ then "http://#{text}".inspect
          when %r{\A/\S+\z} then "unix://#{text}".inspect
          end
        end

        # `bind 80`, `bind "0.0.0.0", 80` and `bind port: 80`.
        def self.plain_port(urls, options)
          case urls
          in [Integer => port] then { wrong: "#{port} is an Integer", host: "0.0.0.0", port: port }
          in [String => host, Integer | String => port] if !host.include?("/") && port.to_s.match?(/\A\d+\z/)
            { wrong: "takes one URL", host: host, port: port }
          in [] if options[:port] then { wrong: "the URL is missing", host: options[:host] || "0.0.0.0", port: options[:port] }
          else nil
          end
        end
        private_class_method :plain_port
        private_class_method :in_our_words

        # The query parameters as options: digits become numbers.
        def self.from_query(query, place)
          pairs = URI.decode_www_form(query).map { |key, value| [key.to_sym, from_text(key, value)] }
          twice = pairs.map(&:first).tally.select { |_, times| times > 1 }.keys
          twice.each { |key| place.error("#{key} is written twice in the URL: keep one of them") }
          [pairs.to_h, twice.empty?]
        rescue ArgumentError
          place.error("the query #{query.inspect} is malformed: write it like ?backlog=4096")
          [{}, false]
        end
        private_class_method :from_query

        # Digits are a number, but for those of a mode, which are octal.
        def self.from_text(key, value)
          return value if key == "mode"
          return value.to_i if value.match?(/\A\d+\z/)

          { "true" => true, "false" => false }.fetch(value, value)
        end
        private_class_method :from_text
      end
      private_constant :Bind
    end
  end
end
