# frozen_string_literal: true

require_relative "request_headers"

module Proxy
  class DSL
    module Words
      # Changes the header fields of a response.
      class ResponseHeaders < RequestHeaders
        prose "Adds headers to the response and removes headers from it, whether it comes from a backend or not."
        example <<~RUBY
          response_headers additions: { "Strict-Transport-Security" => "max-age=63072000" }, removals: ["Server"]
        RUBY

        options_of RequestHeaders
      end
    end
  end
end
