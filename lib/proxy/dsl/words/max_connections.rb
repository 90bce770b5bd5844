# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Limits the number of client connections.
      class MaxConnections < Word::Setting
        prose <<~TEXT
          Client connections served at once. Beyond that, the longest idle ones are closed to make room; only then do
          new ones wait in the kernel's backlog.
        TEXT
        details "The limit of open files may allow fewer."
        example <<~RUBY
          max_connections 50_000
        RUBY

        takes Types::COUNT, as: :count
      end
    end
  end
end
