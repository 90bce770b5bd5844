# frozen_string_literal: true

require_relative "proxy"

module Proxy
  class DSL
    module Words
      # Forwards requests to the Puma whose configuration has `plugin :proxy`.
      class Puma < Word::Handler
        prose <<~TEXT
          Forwards the request to Puma. Only for config/puma.rb with `plugin :proxy`, where it stands last by itself if
          it is not written.
        TEXT
        details <<~TEXT
          The options that are not in this table are those of `proxy`. Options of an `upstream` hold for all requests to
          Puma.
        TEXT
        example <<~RUBY
          puma timeout: 60, queue: 2000
        RUBY

        WORKERS = Types::Name.new("name", %w[each shared])
        # Options that make no sense for the sockets of one Puma.
        LEFT_OUT = %i[to backends backend_priority verify_ssl tls_sni ca_file client_certificate client_key protocol
                      health_check max_fails fail_timeout slow_start hold].freeze
        # Options with another default than those of `proxy`.
        CHANGED = {
          preserve_host: { default: "`true`" },
          max_connections: { default: "the threads of a worker" },
          queue: { default: "`1024`" },
          queue_timeout: { default: "`30`" },
          keepalive: { default: "`64` for Puma 7 and newer, `0` for older ones" }
        }.freeze
        private_constant :LEFT_OUT, :CHANGED

        option :workers, WORKERS, <<~TEXT, default: "`each`", unset: true
          `each`: every worker has a socket of its own, and a request goes to the worker with the fewest; `shared`:
          workers take requests from one socket.
        TEXT
        options_of Proxy, except: LEFT_OUT, **CHANGED

        private

        def add(call)
          place = call.place
          target = call.draft.target
          unless target
            return place.error("is a word for config/puma.rb, below `plugin :proxy`: " \
                               "write proxy backends: [\"127.0.0.1:3000\"], preserve_host: true")
          end

          given, = read(call.options, place)
          target.call(call.draft, sound_pairs(given, call.options), place)
        end

        # `puma "http://…"`
        def misplaced(values)
          [Format.show(values.first), "puma, or proxy backends: […] for another server"]
        end
      end
    end
  end
end
