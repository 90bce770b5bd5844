# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Allows requests from pages of other origins (CORS).
      class Cors < Word::Filter
        prose "Lets pages from other origins use this site, and answers their preflight requests."
        details "Write it before the filters that ask who a client is: a preflight does not say."
        example 'cors origins: ["https://app.example.com"], methods: %w[GET PUT], headers: ["X-Token"], ' \
                "credentials: true, max_age: 600"

        ORIGINS = Types::Texts.new("String, Array", 'origins, such as ["https://app.example.com"]')
        FIELDS = Types::Texts.new("String, Array", 'an Array of header names, such as ["X-Token"]')

        option :origins, ORIGINS, <<~TEXT, required: true
          The origins of those pages: `"https://app.example.com"`, `"https://*.example.com"`, or `"*"` for all.
        TEXT
        option :methods, Types::METHODS, 'Methods that they may use; `"*"` for all.', default: "GET, HEAD, POST"
        option :headers, FIELDS,
               'Headers that they may send besides those that are always allowed; `"*"` for all.'
        option :expose, FIELDS,
               'Headers of the response that they may read besides those that are always allowed; `"*"` for all.'
        option :credentials, Types::SWITCH, "Whether they may send cookies."
        option :max_age, Types::SECONDS, "How long a browser may remember the answer to a preflight.",
               default: "up to the browser", unset: true
      end
    end
  end
end
