# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets how long a client's keep-alive connection may be idle.
      class KeepaliveTimeout < Word::Setting
        prose "An idle client connection is closed after this."
        example <<~RUBY
          keepalive_timeout 15
        RUBY

        takes Types::SECONDS, as: :seconds
      end
    end
  end
end
