# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Answers with a fixed response.
      class StaticResponse < Word::Handler
        prose "Answers without a backend."
        example <<~'RUBY'
          static_response code: 200, headers: { "Content-Type" => "text/plain" }, body: "hello\n"
        RUBY

        option :code, Types::CODE, "Status code."
        option :headers, Types::PAIRS, <<~TEXT
          Headers: a Hash, or an Array of `[name, value]` pairs; an Array as a value is several headers.
        TEXT
        option :body, Types::Text.new("String", 'a String, such as "hello\n"'), "The body."

        private

        def add(call)
          given, = read(call.options, call.place)
          call.draft.add_route("static_response" => { **given, "at" => call.place.at })
        end

        def misplaced(values)
          [Format.show(values.first), 'static_response code: 200, body: "…"']
        end
      end
    end
  end
end
