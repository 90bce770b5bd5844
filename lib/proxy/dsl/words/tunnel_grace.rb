# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets how long tunnels may go on when the server stops.
      class TunnelGrace < Word::Setting
        prose <<~TEXT
          How much of `shutdown_timeout` tunnels and event streams get, which need not end by themselves. After it a
          WebSocket is told by a close frame (1001), an event stream ends after its last event, and any other tunnel
          is closed; `0`: at once.
        TEXT
        example <<~RUBY
          tunnel_grace 20
        RUBY

        takes Types::SECONDS, as: :seconds
      end
    end
  end
end
