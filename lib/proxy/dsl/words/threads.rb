# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets the number of engine threads.
      class Threads < Word::Setting
        prose "Engine threads. They are native threads and never take Ruby's global lock."
        example <<~RUBY
          threads 4
        RUBY

        takes Types::COUNT, as: :count
        default "the number of processors"
      end
    end
  end
end
