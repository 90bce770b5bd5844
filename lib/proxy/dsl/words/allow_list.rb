# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Refuses clients whose address is not in the list.
      class AllowList < Word::Filter
        prose "Refuses every client whose address is not among these. A client of a unix socket has no address."
        example <<~RUBY
          allow_list "10.0.0.0/8", "::1"
        RUBY

        takes Types::NETWORKS, as: :networks, many: true

        refusal :forbidden
      end
    end
  end
end
