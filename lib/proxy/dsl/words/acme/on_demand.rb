# frozen_string_literal: true

require_relative "../../../blocks/permission"

module Proxy
  class DSL
    module Words
      class Acme < Word::Setting
        # Who decides about names that are not written: a block, or a URL.
        class OnDemand < Types::Text
          include Types::Arguments

          # What names may cost that are not written.
          class Limits < Schema
            engine :on_demand_limits
            prose "The Hash that `on_demand_limits:` of `acme` takes."

            option :timeout, Types::SECONDS, "Time within which the block or the URL must answer."
            option :refused_for, Types::Seconds.new("seconds", "a number of seconds, such as 60, or 0"),
                   "How long a no is remembered."
            option :per_minute, Types::COUNT, "How many certificates are ordered in a minute."
            option :waiting, Types::COUNT, "How many connections may wait for a certificate at once."
          end

          TYPE = new("block, URL", '->(name) { … }, or a URL such as "http://127.0.0.1:3000/domains"')
          LIMITS = Types::Part.new("Hash", "a Hash, such as { per_minute: 10, waiting: 64 }",
                                   Limits.new(:on_demand_limits))

          def signature = "(^(String) -> untyped) | Method | String"

          def read(value, place)
            return block(value, place) if value.respond_to?(:call)
            return for_everybody(place) if value == true
            return wrong(value, place) unless value.is_a?(String)
            return tagged("url", utf8(value, place)) if value.match?(%r{\Ahttps?://[^/]}i)

            place.error("#{Format.show(value)} is not a valid URL: write #{hint}")
          end

          private

          def block(value, place)
            return place.error("the block is called with a name: write ->(name) { … }") unless block_takes?(value, 1)

            { "block" => ::Proxy::Blocks::Permission.new(value) }
          end

          def for_everybody(place)
            place.error("true would let anybody order certificates here: write #{hint}, which says which names may " \
                        "have one")
          end
        end
      end
    end
  end
end
