# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Changes the path of a request.
      class Rewrite < Word::Filter
        prose "Changes the path that the filters after it and the handlers see. Locations are not tried again."
        details "`{path}` and `path_prefix` are the new path. Logs show what the client sent."
        example <<~RUBY
          rewrite path: "/v2{path}"
          rewrite path: "/index.php?route={path}"
        RUBY

        option :path, Types::Template.new("rewrite", 'a path, such as "/v2{path}"'), <<~TEXT, required: true
          The new path, a string rewrite. The query stays unless there is a `?` or `{query}` in it.
        TEXT
        refusal :bad_request
      end
    end
  end
end
