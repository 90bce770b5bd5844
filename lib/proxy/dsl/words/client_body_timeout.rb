# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets how long a client may pause within a request body.
      class ClientBodyTimeout < Word::Setting
        prose "Longest pause between two pieces of a body that a client sends or receives."
        example <<~RUBY
          client_body_timeout 20
        RUBY

        takes Types::SECONDS, as: :seconds
      end
    end
  end
end
