# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Refuses clients whose address is in the list.
      class DenyList < Word::Filter
        prose "Refuses every client whose address is among these."
        example <<~RUBY
          deny_list "192.0.2.7", "2001:db8::/32"
        RUBY

        takes Types::NETWORKS, as: :networks, many: true

        refusal :forbidden
      end
    end
  end
end
