# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Changes the header fields of a request.
      class RequestHeaders < Word::Filter
        prose "Adds headers to the request and removes headers from it, before a handler sees it."
        example <<~RUBY
          request_headers additions: { "X-Client" => ["{addr}"] }, removals: ["Cookie"]
        RUBY

        ADDITIONS = Types::Additions.new("Hash", 'a Hash, such as { "X-Client" => "{addr}" }')

        option :additions, ADDITIONS, "Headers to add: a String is a string rewrite, an Array is several."
        option :removals, Types::FIELD_NAMES, "Names of headers to remove, before anything is added."

        private

        # `request_headers "X-Name" => "value"`
        def instead_of(key)
          "write additions: { #{key.inspect} => \"…\" }" if key.is_a?(String) && !names.include?(key.to_sym)
        end
      end
    end
  end
end
