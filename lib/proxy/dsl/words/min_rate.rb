# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets the minimum transfer rate of a client.
      class MinRate < Word::Setting
        prose <<~TEXT
          Bytes per second of a body that a client must send or receive, after the first 10 seconds of waiting for it;
          `0`: any. A slower one is answered 408, or cut off if its answer has begun. Tunnels, gRPC and event streams
          are not held to it.
        TEXT
        details "Time that a backend takes does not count."
        example <<~RUBY
          min_rate 1_000
        RUBY

        takes Types::COUNT, as: :bytes
      end
    end
  end
end
