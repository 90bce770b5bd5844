# frozen_string_literal: true

require_relative "upstream"

module Proxy
  class DSL
    module Words
      # Forwards requests to backends.
      class Proxy < Word::Handler
        prose "Forwards the request to a backend and streams the response back."
        example <<~RUBY
          proxy to: "http://backend.example.com/api{path}{query}",
                backends: ["127.0.0.1:3001", "127.0.0.1:3002"],
                headers: { "X-Client" => { rewrite: "{addr}" }, "Cookie" => nil },
                timeout: 2.5,
                error_response: :service_unavailable
        RUBY

        # Changes to header fields: a String is literal, `{ rewrite: "…" }` is a string rewrite, an Array is several
        # values, nil removes the field.
        class Edits < Types::Fields
          def signature = "Hash[String | Symbol, Types::edit | Array[Types::edit] | nil]"

          def read(value, place)
            line = value.is_a?(Array) && value.one? ? value.first : value
            meant = as_hash(line) if line.is_a?(String)
            return place.error("this is #{Format.kind(value)}: write #{meant}") if meant
            return wrong(value, place) unless value.is_a?(Hash)

            edits = value.map { |name, values| edit(name, values, place) }
            twice(value.keys, place)
            edits.difference([INVALID])
          end

          private

          # The Hash that is meant by `"X-Name: value"`; nil for other texts.
          def as_hash(line)
            name, text = line.match(/\A([\w-]+):\s*(.*)\z/)&.captures
            "{ #{name.inspect} => #{secret?(name) ? '"…"' : Format.show(text)} }" if name
          end

          # Reports names that differ only in case: they are one field, and one of the changes would be lost.
          def twice(names, place)
            names.group_by { |name| name.to_s.downcase }.each_value do |same|
              next if same.one?

              place.error("#{same.map(&:inspect).join(" and ")} are the same header: " \
                          "write one of them, with an Array for several values")
            end
          end

          def edit(name, values, place)
            field = field_name(name, place)
            return INVALID if field.equal?(INVALID)
            return place.error("#{field.inspect} has no values: write nil to remove the header") if values == []

            read = (values.is_a?(Array) ? values : [values].compact).map { |one| field_value(field, one, place) }
            read.include?(INVALID) ? INVALID : { "name" => field, "values" => read }
          end

          def field_value(field, value, place)
            case value
            when String then tagged("literal", utf8(value, place))
            when Hash
              text = value[:rewrite] if value.keys == [:rewrite]
              return tagged("rewrite", utf8(text, place)) if text.is_a?(String)

              place.error("the value #{shown(field, value)} of #{field.inspect} is unknown: " \
                          'write { rewrite: "{addr}" }')
            else
              place.error("the value #{shown(field, value)} of #{field.inspect} is #{Format.kind(value)}: " \
                          'write a String, { rewrite: "{addr}" }, an Array of those, or nil to remove the header')
            end
          end
        end

        # Reasons to retry a request: one, or an Array of them.
        class RetryOn < Types::Type
          NAMES = %w[timeout 502 503 504].freeze
          private_constant :NAMES

          def signature
            one = "Symbol | String | Integer"
            "#{one} | Array[#{one}]"
          end

          def read(value, place)
            return wrong(value, place) if value.nil?

            all_sound(Array(value).map { |reason| reason(reason, place) }.uniq)
          end

          private

          def reason(value, place)
            unless [String, Symbol, Integer].include?(value.class)
              return place.error("#{Format.show(value)} is #{Format.kind(value)}: write #{hint}")
            end
            return value.to_s if NAMES.include?(value.to_s)

            place.error("#{value.inspect} is unknown#{Spelling.hint(value, [:timeout])}: write #{hint}")
          end
        end

        # `true` or `false` for stripping a prefix. Users of other systems write the prefix itself.
        class Stripped < Types::Switch
          def read(value, place)
            return super unless value.is_a?(String) && value.start_with?("/")

            shown = Format.show(value)
            place.error("#{shown} is a String: write path_prefix: #{shown}, strip_prefix: true")
          end
        end

        TARGET = Types::Template.new("rewrite", 'a URL, such as "http://backend.example.com{path}{query}"')
        HEADERS = Edits.new("Hash", 'a Hash, such as { "X-Env" => "production", "X-Client" => { rewrite: "{addr}" }, ' \
                                    '"Cookie" => nil }')
        PERCENT = Types::Number.new("per cent", "a number of per cent, such as 20", what: "percentage")
        RETRY_ON = RetryOn.new("Array", "an Array of :timeout, 502, 503 and 504")
        FORWARDED = Types::SwitchOrName.new("rfc7239", "true, false, :rfc7239", "true, false or :rfc7239")
        STRIPPED = Stripped.new("true, false", "true or false")
        UNDERSCORED = Types::Texts.new("Array", 'an Array of header names, such as ["X_Token"]')

        option :to, TARGET, <<~TEXT, default: "the backend's own address with `{path}{query}`", unset: true
          Target URL, a string rewrite. One that ends with the host and its port, as `http://127.0.0.1:3000`, means
          `{path}{query}` after it; `http://127.0.0.1:3000/` means `/`. Its host is the `Host` header and the SNI
          name. Without `backends` it is where the request goes: an `upstream` of that name, or what DNS says.
        TEXT
        options_of Upstream, backends: { required: false, default: "the host of `to`" }
        option :preserve_host, Types::SWITCH, <<~TEXT
          Pass on the client's `Host`, port included, in place of that of `to`; for an HTTP/2 backend it becomes the
          `:authority`. Rails needs this. The SNI name stays that of `to`. `headers` with a `Host` wins.
        TEXT
        option :headers, HEADERS, <<~TEXT
          Request headers to set: a String is literal, `{ rewrite: "…" }` is a string rewrite, an Array is several
          values, `nil` removes.
        TEXT
        option :response_headers, HEADERS, "The same for the response."
        option :timeout, Types::SECONDS, "Time until the response head arrives, over all attempts; 504 after that."
        option :connect_timeout, Types::SECONDS, "Time to connect, TLS included, for each attempt."
        option :read_timeout, Types::SECONDS, "Longest pause between two pieces of the response.",
               default: "the value of `timeout`"
        option :write_timeout, Types::SECONDS, "Longest time that a write to the backend may make no progress."
        option :tunnel_timeout, Types::SECONDS,
               "Longest silence, in both directions, of an upgraded connection such as a WebSocket."
        option :retries, Types::COUNT, "Further attempts after the first.", default: "the number of backends"
        option :retry_on, RETRY_ON, <<~TEXT, default: "connection failures"
          What else makes an idempotent request be sent again: `:timeout`, `502`, `503`, `504`.
        TEXT
        option :retry_budget, PERCENT, <<~TEXT
          Further attempts in flight, as a percentage of the requests in flight. Three are always allowed.
        TEXT
        option :retry_buffer, Types::BYTES, <<~TEXT
          How much of an idempotent request's body is kept for a second attempt; a longer one is streamed and not sent
          again.
        TEXT
        option :buffering, Types::BUFFERING, <<~TEXT
          Take a response in as fast as the backend sends it while its client is slow. A Hash sends to the disk what
          `buffer_size` has no room for; without one, that waits at the backend. Events, gRPC and responses with
          `X-Accel-Buffering: no` are never taken in.
        TEXT
        option :buffer_size, Types::BYTES, "How much of a response may wait in memory for its client."
        option :request_buffering, Types::BUFFERING, <<~TEXT
          Take a request's body in before a backend is chosen: 1 MiB in memory, the rest on the disk. It can then be
          sent to another backend whatever `retry_buffer` says.
        TEXT
        option :error_response, Types::ERROR_RESPONSE, "The response to a failed request: a built-in name or a Hash.",
               default: "the built-in `bad_gateway`", unset: true
        option :path_prefix, Types::Text.new("String", 'a path, such as "/api"'),
               "Only paths equal to it or below it are proxied; others go to the next handler.",
               default: "every path", unset: true
        option :strip_prefix, STRIPPED, "Take `path_prefix` off `{path}`."
        option :forwarded_headers, FORWARDED, <<~TEXT
          Send `X-Forwarded-For` and related headers; `:rfc7239` sends `Forwarded` instead; `false` passes on what
          `trusted_proxies` say and nothing else of that kind.
        TEXT
        option :max_body, Types::BODY_BYTES, "Longest body of a request; 413 above it.",
               default: "what a `max_body` around it says", unset: true
        option :allow_underscores, UNDERSCORED, <<~TEXT
          Request headers with `_` or `.` in their name that are passed on; all others of that kind are dropped.
        TEXT
        option :request_trailers, Types::SWITCH, <<~TEXT
          Send the trailers of requests to backends that speak HTTP/1.1 too, which may mistake them for ordinary
          headers; HTTP/2 backends always get them.
        TEXT
        option :x_sendfile, Types::NAMED_FOLDERS, <<~TEXT, default: "those headers are dropped", unset: true
          Send the files that a response names in `X-Sendfile`, if they are inside of these folders. With a Hash, such
          as `{ "/files" => "storage" }`, `X-Accel-Redirect` may name them too.
        TEXT

        together :path_prefix, :strip_prefix

        # Stand-in for a target that was reported as wrong, so that the engine still checks the other options.
        STAND_IN = "http://localhost"
        private_constant :STAND_IN

        private

        def add(call)
          place, options = call.place, call.options
          given, = read(options, place)
          # A block without options has its own message, which was reported before.
          target_missing(call) if no_target?(options) && !(call.block && options.empty?)
          call.draft.host_for_tunnel(options, place)
          call.draft.add_route("proxy" => { **pooled(checkable(given, options), call), "at" => place.at })
        end

        # Advice for `ssl:` and the like, even if an option has a similar spelling: TLS is part of the address here.
        def note(key) = Foreign.note(key)

        # The valid options with stand-ins, so that the engine does not report options as missing that were reported as
        # wrong.
        def checkable(read, options)
          read = { **read, "to" => STAND_IN } unless read.key?("to") || read.key?("backends")
          sound_pairs(read, options)
        end

        # The options, with those of the backends in a Hash of their own. Without any, that Hash is left out, so that
        # `to` may name an upstream.
        def pooled(read, call)
          shared = Upstream.options.map { |option| option.name.to_s }
          pool, own = read.partition { |name, _| shared.include?(name) }.map(&:to_h)
          pool.empty? ? own : { **own, "pool" => Upstream.with_block(pool, call) }
        end

        def target_missing(call)
          write = 'write to: "http://backend.example.com{path}{query}", or backends: ["127.0.0.1:3001"]'
          named = %i[to backends].find { |name| call.options.key?(name) }
          return call.place.error("`to` is missing: #{write}") unless named

          call.place.error("`#{named}` is nil: #{write}#{call.draft.foreign_self}")
        end

        # `proxy "http://…"` and `proxy [to: "…"]`.
        def misplaced(values)
          [Format.show(values.first), meant_by(values.first)]
        end

        def meant_by(value)
          case value
          when %r{\Ahttps?://[^\s@]+\z} then "proxy to: #{value.inspect}"
          when /\A[\w.-]+:\d+\z/ then "proxy to: #{"http://#{value}".inspect}"
          when Array
            return 'proxy to: "http://…", without brackets' unless value.all?(String) && value.any?

            "proxy backends: [#{value.map(&:inspect).join(", ")}]"
          when Hash then 'proxy to: "http://…", without braces'
          else 'proxy to: "http://…", or proxy backends: ["…"]'
          end
        end

        # Whether neither `to` nor `backends` was written, not even misspelt.
        def no_target?(options)
          options[:to].nil? && options[:backends].nil? && options.keys.none? do |key|
            next if names.include?(key)

            %i[to backends].include?(Spelling.nearest(key, names)) ||
              Foreign.option(key, names).to_s.match?(/\Awrite (?:to|backends):/)
          end
        end
      end
    end
  end
end
