# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets how long a client's handshake may take.
      class HandshakeTimeout < Word::Setting
        prose "A TLS handshake, or a header of the PROXY protocol, must be complete within this time."
        example <<~RUBY
          handshake_timeout 5
        RUBY

        takes Types::SECONDS, as: :seconds
      end
    end
  end
end
