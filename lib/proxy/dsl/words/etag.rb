# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Gives small responses an entity tag.
      class Etag < Word::Filter
        prose <<~TEXT
          Gives small responses (200, up to 64 KiB, with a `Content-Length`) a weak `ETag` of their body, and answers
          304 to a client that has it already.
        TEXT
        details <<~TEXT
          A response that has an `ETag`, a `Last-Modified` or a `Set-Cookie`, or that says `no-store`, stays as it is.
          The application still makes the whole response: what is saved is the way to the client.
        TEXT
        example "etag"
      end
    end
  end
end
