# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # How long a client's handshake may take.
      class HandshakeTimeout < Word::Setting
        takes Types::SECONDS, as: :seconds
        prose "A TLS handshake, or a header of the PROXY protocol, must be complete within this time."
        example <<~RUBY
          handshake_timeout 5
        RUBY
      end
    end
  end
end
