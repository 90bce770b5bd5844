# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Limits the size of a request head.
      class MaxHeaderSize < Word::Setting
        prose <<~TEXT
          Largest request head, start line and headers together; 431 above it and above 128 headers, 414 if the target
          alone is too long.
        TEXT
        example <<~RUBY
          max_header_size 16_384
        RUBY

        takes Types::BYTES, as: :bytes
      end
    end
  end
end
