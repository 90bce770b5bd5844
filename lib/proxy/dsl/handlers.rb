# frozen_string_literal: true

module Proxy
  class DSL
    # What is done with a request. Locations are tried first, then the handlers beside them, in the order of the file; the first that
    # accepts a request answers it. A request that none accepts is answered 404.
    module Handlers
      # Forwards requests to one of several backends and streams the responses back. docs/reference.md has a table of all options.
      #
      # @param options [Hash] the options that docs/reference.md lists, by Symbol
      # @option options [String] :to target URL, a string rewrite
      # @option options [Array<String, Hash>] :backends addresses, each a String or `{ address: "…", weight: 2 }`
      # @option options [String, Symbol, Hash] :backend_priority how one of them is chosen; default `:round_robin`
      # @option options [Hash] :headers request fields to set or, with `nil`, to remove
      # @option options [Numeric] :timeout seconds until the response head; default 30
      # @option options [String, Symbol, Hash] :error_response what a failed request is answered
      # @example
      #   proxy to: "http://backend.example.com/api{path}{query}",
      #         backends: ["127.0.0.1:3001", "127.0.0.1:3002"],
      #         headers: { "X-Client" => { rewrite: "{addr}" }, "Cookie" => nil },
      #         timeout: 2.5,
      #         error_response: :service_unavailable
      def proxy(*positional, **options, &block)
        place = @__draft.place(:proxy)
        place.no_block if block
        unless positional.empty?
          place.options_only(Spelling.show(positional.first), target_of(positional.first))
          return
        end

        read, = Options::PROXY.read(options, place)
        # The block holds what is meant, and that has been said.
        target_missing(options, place) if no_target?(options) && !(block && options.empty?)
        @__draft.host_for_tunnel(options, place)
        @__draft.add_route("proxy" => { **pooled(checkable(read, options)), "at" => place.at })
        nil
      end

      # Answers without a backend.
      #
      # @option options [Integer] :code status code; default 200
      # @option options [Hash, Array] :headers fields of the response
      # @option options [String] :body its body
      # @example
      #   static_response code: 200, headers: { "Content-Type" => "text/plain" }, body: "hello\n"
      def static_response(*positional, **options, &block)
        place = @__draft.place(:static_response)
        place.no_block if block
        unless positional.empty?
          place.options_only(Spelling.show(positional.first), "static_response code: 200, body: \"…\"")
          return
        end

        read, = Options::STATIC_RESPONSE.read(options, place)
        @__draft.add_route("static_response" => { **read, "at" => place.at })
        nil
      end

      # Sends the client elsewhere.
      #
      # @option options [String] :to where to: an absolute URL or a path, a string rewrite
      # @option options [String, Symbol] :type `:permanent` (308), `:temporary` (307), `:moved_permanently` (301) or `:found` (302, default)
      # @example
      #   redirect to: "https://www.example.com{path}{query}", type: :permanent
      def redirect(*positional, **options, &block)
        place = @__draft.place(:redirect)
        place.no_block if block
        unless positional.empty?
          return place.options_only("two paths", "location #{positional.first.inspect} do redirect to: #{positional.last.inspect} end") if paths?(positional)

          url = positional.first
          url = "https://{host}{path}{query}" unless url.is_a?(String) && url.match?(%r{\A(?:https?:/)?/[^\s@]*\z})
          place.options_only(Spelling.show(positional.first), "redirect to: #{url.inspect}")
          return
        end

        read, sound = Options::REDIRECT.read(options, place)
        @__draft.add_route("redirect" => { **read, "at" => place.at }) if sound || Options::REDIRECT.enough?(read)
        nil
      end

      # Stands for a target that was reported as wrong, so that the engine checks the other options all the same.
      STAND_IN = "http://localhost"
      # Options that the engine takes together or not at all.
      PAIRS = [%w[path_prefix strip_prefix], %w[client_certificate client_key]].freeze
      private_constant :STAND_IN, :PAIRS

      private

      # The sound options in such a way that the engine does not complain of the lack of those that were reported as wrong.
      def checkable(read, options)
        read = { **read, "to" => STAND_IN } unless read.key?("to") || read.key?("backends")
        sound_pairs(read, options)
      end

      # Without what makes no sense since its other half was reported as wrong.
      def sound_pairs(read, options)
        lost = options.keys.map(&:to_s).reject { |name| options[name.to_sym].nil? || read.key?(name) }
        read.except(*PAIRS.select { |pair| pair.intersect?(lost) }.flatten)
      end

      # The same, with what says where requests go in a Hash of its own. Without a word of that there is none, so that `to` may
      # name an upstream.
      def pooled(read)
        pool, own = read.partition { |name, _| Options::POOL.names.include?(name.to_sym) }.map(&:to_h)
        pool.empty? ? own : { **own, "pool" => pool }
      end

      def target_missing(options, place)
        write = 'write to: "http://backend.example.com{path}{query}", or backends: ["127.0.0.1:3001"]'
        named = %i[to backends].find { |name| options.key?(name) }
        return place.error("`to` is missing: #{write}") unless named

        place.error("`#{named}` is nil: #{write}#{@__draft.foreign_self}")
      end

      # `redirect "/old", "/new"`
      def paths?(values)
        values.length == 2 && values.all? { |value| value.is_a?(String) && value.start_with?("/") }
      end

      # What is meant by `proxy "http://…"` and `proxy [to: "…"]`.
      def target_of(value)
        case value
        when %r{\Ahttps?://[^\s@]+\z} then "proxy to: #{value.inspect}"
        when /\A[\w.-]+:\d+\z/ then "proxy to: #{"http://#{value}".inspect}"
        when Array then value.all?(String) && value.any? ? "proxy backends: [#{value.map(&:inspect).join(", ")}]" : 'proxy to: "http://…", without brackets'
        when Hash then 'proxy to: "http://…", without braces'
        else 'proxy to: "http://…", or proxy backends: ["…"]'
        end
      end

      # Whether a proxy names neither `to` nor `backends`, and did not try to.
      def no_target?(options)
        options[:to].nil? && options[:backends].nil? && options.keys.none? do |key|
          next if Options::PROXY.names.include?(key)

          %i[to backends].include?(Spelling.nearest(key, Options::PROXY.names)) ||
            Foreign.option(key, Options::PROXY.names).to_s.match?(/\Awrite (?:to|backends):/)
        end
      end
    end
  end
end
