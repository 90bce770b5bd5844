# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Figures for Prometheus.
      class Metrics < Word::Setting
        prose <<~TEXT
          Figures for Prometheus and everything else that reads its text or OpenMetrics: at an address of their own, or,
          as `metrics` in a location, as the answer there.
        TEXT
        details <<~TEXT
          [metrics.md](metrics.md) lists them. Anybody who can connect may ask; nothing but the metrics is served there.
          With options alone, the control socket has them at `/metrics`. Without this word and a control socket, nothing
          is counted.
        TEXT
        example <<~RUBY
          metrics "http://127.0.0.1:9394/metrics", exclude: ["/up"]
        RUBY
        example <<~RUBY, "In a location"
          location "/metrics", remote: ["10.0.0.0/8"] do
            metrics
          end
        RUBY

        # Bounds of buckets, in seconds.
        class Bounds < Types::Type
          def signature = "Array[Numeric]"

          def read(value, place)
            return wrong(value, place) unless value.is_a?(Array)

            odd = value.reject { |bound| bound.is_a?(Integer) || bound.is_a?(Float) }
            return value.map(&:to_f) if odd.empty?

            place.error("#{Format.show(odd.first)} is not a number of seconds: write #{hint}")
          end
        end

        URL = Types::Text.new("URL", 'a URL of this machine, such as "http://127.0.0.1:9394/metrics"')
        BUCKETS = Bounds.new("Array", "an Array of seconds, such as [0.01, 0.1, 1, 10]")
        PATHS = Types::Texts.new("Array", 'an Array of paths, such as ["/up", "/internal/*"]')

        takes URL, as: :url
        default "none"

        option :buckets, BUCKETS, <<~TEXT, default: "0.005 to 10", unset: true
          Upper bounds of the buckets of all histograms, in seconds: 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5
          and 10 if nothing is written. They are those of the start: a reload does not change them.
        TEXT
        option :label_hosts, Types::SWITCH, <<~TEXT
          The requested host is a label of `proxy_requests_total`: one that the configuration names, else `_other`.
        TEXT
        option :exclude, PATHS, <<~TEXT
          Paths whose requests are not counted, such as `"/up"`; `"/internal/*"` is `/internal` and all below it.
        TEXT

        # The type of the word's method, in RBS: the URL may be left out.
        def signature
          super.sub("(String url", "(?String url")
        end

        private

        def run(call)
          call.place.no_block if call.block
          return inside(call) unless call.draft.outermost?

          given, sound = read(call.options, call.place)
          return nothing(call.place) if call.arguments.empty? && call.options.empty?

          url = call.arguments.empty? ? nil : value(call)
          return if url.equal?(INVALID) || !sound

          call.draft.set(name, { **(url ? { "url" => url } : {}), **given, "at" => call.place.at }, call.place)
        end

        # In a location it is a handler.
        def inside(call)
          if call.arguments.any? || call.options.any?
            return call.place.error("takes no URL and no options in a location: write them at the top level, and " \
                                    "`metrics` here")
          end

          call.draft.add_route("metrics" => { "at" => call.place.at })
        end

        def nothing(place)
          place.error('has no address: write metrics "http://127.0.0.1:9394/metrics", or location("/metrics", ' \
                      'remote: ["10.0.0.0/8"]) { metrics }')
        end
      end
    end
  end
end
