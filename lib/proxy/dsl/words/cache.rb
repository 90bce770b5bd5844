# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Answers from stored responses, and stores others.
      class Cache < Word::Filter
        prose <<~TEXT
          Keeps responses of backends in memory and answers from them, as a shared cache (RFC 9111). With `memory`,
          `max_object` or `disk`, outside of every location, it makes the memory; else the requests of the location use it.
        TEXT
        details <<~TEXT
          [Caching](caching.md) says what is stored, when, and for whom. A `cache` without a name uses a memory of 64 MiB
          that all such locations share. Filters see each response anew, whether it is stored or not.
        TEXT
        example <<~RUBY
          cache "pages", memory: 64_000_000
          location "/blog/*" do
            cache "pages", bypass: { cookies: { "_session" => true } }, stale_if_error: 86_400
            proxy to: "http://127.0.0.1:3001"
          end
        RUBY
        example 'cache "pages", disk: { path: "tmp/cache/proxy", size: 1_000_000_000 }', "Also kept over a restart"

        # The optional name before the options.
        class Zone < Types::Text
          def signature = "?String"

          def read(values, place)
            return if values.empty?
            return Word::Filter.not_off("cache", place) if values == [false]
            return super(values.first, place) if values.length == 1

            place.error("takes one name, not #{values.length}: write cache #{Format.show(values.first)}")
          end
        end

        # Conditions of which any makes a request bypass the cache.
        class Bypass < Types::Part
          # Keys of the Hash.
          class Options < Schema
            engine :cache_bypass
            prose "The Hash that `bypass:` of `cache` takes: as the conditions of `location`, any of which is enough."

            hint = ->(example) { ["Hash", "a Hash, such as #{example}"] }
            option :headers, Types::Conditions.new(*hint.call('{ "X-Preview" => true }')),
                   "Headers of the request.", default: "none", unset: true
            option :query, Types::Conditions.new(*hint.call('{ "preview" => true }')),
                   "Parameters of its query.", default: "none", unset: true
            option :cookies, Types::Conditions.new(*hint.call('{ "_session" => true }')),
                   "Cookies.", default: "none", unset: true
          end

          OPTIONS = Options.new(:cache_bypass)
          private_constant :OPTIONS

          def initialize
            super("Hash", 'a Hash, such as { cookies: { "_session" => true } }', OPTIONS)
          end
        end

        # A folder that keeps the responses too.
        class Disk < Types::Part
          # Keys of the Hash.
          class Options < Schema
            engine :cache_disk
            prose "The Hash that `disk:` of `cache` takes."

            folder = Types::Folder.new("path", 'the path of a folder, such as "tmp/cache/proxy"')
            option :path, folder, <<~TEXT, required: true
              The folder, of this cache alone. It is made if it is not there; files in it that are not the cache's stay.
            TEXT
            option :size, Types::BYTES, "Space that the files take at most.", required: true
            option :max_object, Types::BYTES, <<~TEXT, default: "100 MiB", unset: true
              The largest body that is stored in memory, at most a quarter of `size`. What is too large for the memory is on the disk
              alone.
            TEXT
          end

          OPTIONS = Options.new(:cache_disk)
          private_constant :OPTIONS

          def initialize
            super("Hash", 'a Hash, such as { path: "tmp/cache/proxy", size: 1_000_000_000 }', OPTIONS)
          end
        end

        takes Zone.new("String", 'the name of a cache, such as "pages"'), as: :zone

        option :memory, Types::BYTES, "Memory for stored responses; outside of every location.",
               default: "64 MiB", unset: true
        option :max_object, Types::BYTES, <<~TEXT, default: "1 MiB", unset: true
          The largest body that is stored, at most a quarter of `memory`; outside of every location.
        TEXT
        option :disk, Disk.new, <<~TEXT, default: "none", unset: true
          A folder that keeps the responses too, over restarts, and larger ones; outside of every location.
        TEXT
        option :key, Types::Template.new("rewrite", 'a string rewrite, such as "{cookie.lang}"'),
               "What tells requests apart, beside their URL and `Vary`: a string rewrite.",
               default: "nothing", unset: true
        option :bypass, Bypass.new, <<~TEXT, default: "none", unset: true
          Requests that the cache has nothing to do with: conditions for `headers`, `query` and `cookies`, any of which
          is enough.
        TEXT
        option :default_ttl, Types::SECONDS, <<~TEXT, default: "see `heuristic`", unset: true
          Time for which a response is fresh that says nothing itself. Failures get none.
        TEXT
        option :heuristic, Types::SWITCH, <<~TEXT
          Whether a response that says nothing is fresh for a tenth of the time since its `Last-Modified`, at most a day.
        TEXT
        option :stale_while_revalidate, Types::SECONDS, <<~TEXT
          Time for which a stale response is still sent, while it is validated in the background. What the response says
          itself counts more.
        TEXT
        option :stale_if_error, Types::SECONDS, <<~TEXT
          Time for which a stale response takes the place of a failure. What the response says itself counts more.
        TEXT
        option :set_cookie, Types::SWITCH, "Whether responses with `Set-Cookie` are stored, cookie and all."
        option :client_control, Types::SWITCH, <<~TEXT
          Whether `Cache-Control` of a request can demand a newer response. `no-store` and `only-if-cached` always count.
        TEXT
        option :lock_timeout, Types::SECONDS, <<~TEXT
          Longest time that a request waits for the answer to another one for the same URL. It then asks by itself.
        TEXT
        option :status, Types::SWITCH, "Whether responses say in `Cache-Status` what the cache did."

        # What makes a memory.
        MAKING = %i[memory max_object disk].freeze
        # Stands in for a memory that was written with a mistake, so that those who use it are not reported too.
        STAND_IN = { "memory" => 64_000_000, "max_object" => nil, "disk" => nil }.freeze
        private_constant :MAKING, :STAND_IN

        private

        def block(call, given)
          block = super
          block && lost_memory?(call, given) ? { **block, **STAND_IN } : block
        end

        # Whether the call makes a memory, but for a mistake.
        def lost_memory?(call, given)
          call.options.any? do |key, value|
            next false if value.nil? || given.key?(key.to_s)

            MAKING.include?(key) || (call.draft.outermost? && !names.include?(key))
          end
        end
      end
    end
  end
end
