# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # How long a client may pause within a body.
      class ClientBodyTimeout < Word::Setting
        takes Types::SECONDS, as: :seconds
        prose "Longest pause between two pieces of a body that a client sends or receives."
        example <<~RUBY
          client_body_timeout 20
        RUBY
      end
    end
  end
end
