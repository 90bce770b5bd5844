# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Logs each request at its start and at its end.
      class LogRequests < Word::Filter
        prose "Writes lines about requests to where the proxy's log goes, at level `info`, with the request's id."
        example <<~RUBY
          log_requests before: "{method} {path} from {addr}", after: "{status} in {response_time}"
        RUBY

        LINE = Types::Text.new("rewrite", 'text with placeholders, such as "{method} {path}"')

        option :before, LINE, "The line for a request when it arrives, a string rewrite.", default: "none", unset: true
        option :after, LINE, <<~TEXT, default: "none", unset: true
          The line for a request when it has been answered, a string rewrite that may use all that an access log may.
        TEXT
      end
    end
  end
end
