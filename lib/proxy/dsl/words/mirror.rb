# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sends copies of requests to another upstream.
      class Mirror < Word::Filter
        prose <<~TEXT
          Sends copies of requests to another upstream and drops its answers. A client never waits for a copy, and a
          copy is sent once at most.
        TEXT
        details <<~TEXT
          A copy goes when the head of the answer has come, with `X-Mirrored: 1`, and else as the backend got the
          request: with cookies and other credentials. A request that has `X-Mirrored` already is not copied, nor are
          upgrades and calls of gRPC.
        TEXT
        example <<~RUBY
          mirror "shadow", percent: 5, max_body: 65_536
        RUBY

        # The single name before the options.
        class Upstream < Types::Text
          def read(values, place)
            return super(values.first, place) if values.one?

            wrong = values.empty? ? "the value is missing" : "takes one value, not #{values.length}"
            place.error("#{wrong}: write #{hint}")
          end
        end

        PERCENT = Types::Number.new("Numeric", "per cent from 0 to 100, such as 5", what: "percentage")
        METHODS = Types::Texts.new("Array", 'an Array of methods, such as ["GET", "POST"]')

        takes Upstream.new("String", 'the name of an upstream, such as "shadow"'), as: :upstream

        option :percent, PERCENT, "How many of a hundred requests are copied."
        option :max_body, Types::BYTES, "The longest body of a request that is copied, at most 16 MiB."
        option :methods, METHODS, "The methods of requests that are copied.",
               default: "the idempotent ones: GET, HEAD, OPTIONS, TRACE, PUT and DELETE", unset: true
        option :max_in_flight, Types::COUNT, "How many copies may be on their way; beyond that, none is made."
      end
    end
  end
end
