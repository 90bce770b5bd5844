# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Asks another server whether a request may pass to the handler.
      class ForwardAuth < Word::Filter
        prose <<~TEXT
          Asks another server whether the request may pass: a GET with the client's headers and `X-Forwarded-Method`,
          `-Uri`, `-Proto`, `-Host` and `-For`, without the body. A 2xx lets it pass; any other answer goes to the
          client.
        TEXT
        example <<~RUBY
          forward_auth to: "http://127.0.0.1:9091/verify", copy_headers: ["X-User", "X-Groups"]
        RUBY

        SERVER = Types::Template.new("rewrite", 'a URL, such as "http://auth.internal/verify"')

        option :to, SERVER, <<~TEXT, required: true, unset: true
          The URL that is asked, a string rewrite whose host is written out. One without a path asks for `/`.
        TEXT
        option :copy_headers, Types::FIELD_NAMES, <<~TEXT
          Headers of its answer that become headers of the request, in place of what the client sent under those
          names.
        TEXT
        option :timeout, Types::SECONDS, "Time for the whole answer; 504 after that."
        refusal :bad_gateway, "The response when the other server could not be asked."
        needs :to
      end
    end
  end
end
