# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets how long a graceful stop may take.
      class ShutdownTimeout < Word::Setting
        prose "How long requests in flight may take when the server stops."
        example <<~RUBY
          shutdown_timeout 10
        RUBY

        takes Types::SECONDS, as: :seconds
      end
    end
  end
end
