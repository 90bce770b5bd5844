# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Redirects requests without TLS to the same URL with https.
      class RedirectHttpToHttps < Word::Filter
        engine :redirect_http_to_https!
        prose "Redirects requests that did not come over https to the same URL with https (308)."
        details "It is a filter: it holds for everything in its scope, wherever the handlers and inner locations stand."
        example <<~RUBY
          redirect_http_to_https!
          redirect_http_to_https! port: 8443
        RUBY

        option :port, Types::Count.new("Integer", "a port, such as 8443"), "The port that https is served on."
      end
    end
  end
end
