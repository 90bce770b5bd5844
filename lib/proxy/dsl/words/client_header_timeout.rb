# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets how long a client may take to send a request head.
      class ClientHeaderTimeout < Word::Setting
        prose "A request head must arrive completely within this time."
        details "The client is answered 408 after that."
        example <<~RUBY
          client_header_timeout 10
        RUBY

        takes Types::SECONDS, as: :seconds
      end
    end
  end
end
