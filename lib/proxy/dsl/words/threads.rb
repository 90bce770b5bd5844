# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # How many engine threads there are.
      class Threads < Word::Setting
        takes Types::COUNT, as: :count
        default "the number of processors"
        prose "Engine threads. They are native threads and never take Ruby's global lock."
        example <<~RUBY
          threads 4
        RUBY
      end
    end
  end
end
