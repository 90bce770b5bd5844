# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Answers 503 during maintenance.
      class Maintenance < Word::Filter
        prose <<~TEXT
          Answers 503 while a file is there, but for clients that are let in. Browsers get a page, others text or JSON;
          calls of gRPC get UNAVAILABLE.
        TEXT
        details <<~TEXT
          The file is looked for once a second. Without `if_file` it is maintenance as long as the line stands there. At
          run time, `server.maintenance` does the same without a line.
        TEXT
        example <<~RUBY
          maintenance if_file: "tmp/maintenance.txt", page: "public/503.html", allow: ["10.0.0.0/8"]
        RUBY

        # The path of a file that need not be there.
        class Marker < Types::Text
          def signature = "String | _Path"

          def read(value, place)
            path = Types.path(value, place)
            path.nil? ? wrong(value, place) : path
          end
        end

        MARKER = Marker.new("path", 'the path of a file, such as "tmp/maintenance.txt"')
        PAGE = Types::InputFile.new("path", 'the path of an HTML file, such as "public/503.html"')
        MESSAGE = Types::Text.new("String", 'a sentence, such as "We are back at nine."')
        CLIENTS = Types::Texts.new("Array", 'an Array of addresses and networks, such as ["10.0.0.0/8"]')
        COOKIE = Types::Secret.new("String", '"NAME=VALUE" with a value that nobody can guess')
        LATER = Types::Count.new("seconds", "a whole number of seconds, such as 60")

        option :if_file, MARKER, "The file that means maintenance while it is there.", default: "always", unset: true
        option :page, PAGE, "An HTML file for browsers, read when the configuration is loaded.",
               default: "a built-in page with `message`", unset: true
        option :message, MESSAGE, "What clients are told.", default: "a built-in sentence", unset: true
        option :retry_after, LATER, "When clients may try again, in `Retry-After`."
        option :allow, CLIENTS, <<~TEXT
          Addresses and networks of clients that are let in; `unix:` for those of unix sockets. Behind trusted proxies
          it is the client that they name.
        TEXT
        option :bypass_cookie, COOKIE, <<~TEXT, default: "none", unset: true
          A cookie that lets its owner in, as `NAME=VALUE`, or a value for the cookie `proxy_bypass`: a secret of 16
          bytes or more.
        TEXT
      end
    end
  end
end
