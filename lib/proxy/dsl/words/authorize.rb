# frozen_string_literal: true

require_relative "../../blocks/authorizing"

module Proxy
  class DSL
    module Words
      # Lets a Ruby block decide whether a request may pass.
      class Authorize < Word::Filter
        prose <<~TEXT
          Asks a Ruby block whether the request may pass. The answer holds for all requests with the same `key`, so the
          block runs only if it is not known.
        TEXT
        details <<~TEXT
          The block answers true (or anything that counts as true) to let the request pass, a Hash of headers to set on
          it (nil only removes what the client sent), false or nil to refuse it with 403, a built-in name such as
          `:unauthorized`, or a status from 400 to 599. It sees `request.method`, `scheme`, `host`, `path`, `query`,
          `addr`, `user`, `headers["X"]`, `cookies["x"]` and `captures[:id]`. It must look at nothing that is not in
          `key`; the log warns of it. A request that has two values for a part of `key` is refused with 400.

          The block runs on a thread of Ruby, never on one of the proxy's. A request gets 503 if the block raises an
          exception, has not answered within `timeout`, or if `queue` calls wait already; other requests go on.
        TEXT
        example <<~'RUBY'
          authorize key: { header: "Authorization" }, copy_headers: ["X-User"] do |request|
            token = request.headers["Authorization"].to_s[/\ABearer (.+)/, 1]
            token == "s3cret" ? { "X-User" => "ann" } : :unauthorized
          end
        RUBY

        # What a ruling depends on: `{ header: "X" }`, `{ cookie: "x" }`, a string rewrite, or an Array of those.
        class Keys < Types::Text
          KINDS = %i[header cookie rewrite].freeze
          private_constant :KINDS

          def signature = "String | Hash[Symbol, String] | Array[String | Hash[Symbol, String]]"

          def read(value, place)
            parts = value.is_a?(Array) ? value : [value]
            return place.error("it is empty: write #{hint}") if parts.empty?

            all_sound(parts.flat_map { |part| part(part, place) })
          end

          private

          def part(value, place)
            case value
            when String then rewrite(value, place)
            when Hash
              return place.error("it is empty: write #{hint}") if value.empty?

              value.map { |kind, text| pair(kind, text, place) }
            else wrong(value, place)
            end
          end

          def rewrite(text, place)
            return tagged("rewrite", utf8(text, place)) if text.include?("{")

            place.error("#{Format.show(text)} is no string rewrite: write { header: #{text.inspect} }, " \
                        "{ cookie: #{text.inspect} } or #{"{cookie.#{text}}".inspect}")
          end

          def pair(kind, text, place)
            unless KINDS.include?(kind)
              return place.error("#{Format.show(kind)} is unknown#{Spelling.hint(kind, KINDS)}: write #{hint}")
            end
            return tagged(kind.to_s, utf8(text, place.within(kind))) if text.is_a?(String)

            place.within(kind).error("#{Format.show(text)} is #{Format.kind(text)}: write #{hint}")
          end
        end

        KEY = Keys.new("Hash, rewrite, Array",
                       '{ header: "Authorization" }, { cookie: "session" } or a string rewrite such as "{addr} {host}"')
        KEEP_SECONDS = Types::Seconds.new("seconds", "a number of seconds, such as 30, or 0 for not at all")
        POLICY = Types::Name.new("name", %w[deny allow], others: { "refuse" => :deny, "pass" => :allow })

        option :key, KEY, <<~TEXT, required: true
          What the answer depends on: `{ header: "…" }`, `{ cookie: "…" }`, a string rewrite, or an Array of those.
          Requests that are equal in all of it share an answer.
        TEXT
        option :copy_headers, Types::FIELD_NAMES, <<~TEXT
          Headers that the block sets. What a client sends under these names is always removed. Write every name here:
          without it, a client's own is removed only from the time on at which the block has first set it.
        TEXT
        option :ttl, KEEP_SECONDS, "How long an answer holds that lets requests pass."
        option :negative_ttl, KEEP_SECONDS, "How long an answer holds that refuses them."
        option :timeout, Types::SECONDS, <<~TEXT
          How long a request waits for the answer. The block is not interrupted, and its answer is kept.
        TEXT
        option :threads, Types::COUNT, "How many calls of the block run at once."
        option :queue, Types::COUNT, "How many calls of the block wait, each for one key."
        option :max_keys, Types::COUNT,
               "How many answers are kept; beyond that, those used the longest ago are forgotten."
        option :on_error, POLICY, <<~TEXT
          What becomes of a request if the block raises, is late, or has a full queue: `deny` answers 503, `allow` lets
          it pass.
        TEXT
        refusal :forbidden, "The response when the block answers false or nil."
        needs :key

        # The type of the word's method, with its block, in RBS.
        def signature
          super.sub(/ -> nil\z/, " { (::Proxy::Blocks::Request) -> untyped } -> nil")
        end

        private

        def block(call, given)
          unless call.block
            call.place.error("has no block: write authorize key: { header: \"Authorization\" } do |request| … end")
            return
          end

          # The engine reports a key that is not written.
          { "block" => call.draft.add_block(::Proxy::Blocks::Authorizing.new(call.block, given.fetch("key", []))) }
        end
      end
    end
  end
end
