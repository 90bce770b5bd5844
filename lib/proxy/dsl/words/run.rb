# frozen_string_literal: true

require_relative "../rack_application"

module Proxy
  class DSL
    module Words
      # Answers with a Rack application in this process.
      class Run < Word::Handler
        prose "Answers with a Rack application, which runs in this process on threads of its own."
        details <<~TEXT
          The application is an object with `call`, or the path of a `config.ru`, from the folder of this file; that
          needs the gem rack. A reload reads it again; requests in flight finish with the old one.
        TEXT
        example <<~'RUBY'
          run ->(env) { [200, { "content-type" => "text/plain" }, ["hello\n"]] }
        RUBY
        example <<~RUBY, "An application in a file, below a path"
          run "admin/config.ru", path_prefix: "/admin", threads: 2
        RUBY

        PREFIX = Types::Text.new("String", 'a path, such as "/admin"')

        takes RackApplication.new("application", "an object with call, or the path of a config.ru"), as: :application

        option :threads, Types::COUNT, "Requests that the application works on at once."
        option :queue, Types::COUNT, "Requests that may wait for a thread; others are answered 503 at once."
        option :queue_timeout, Types::SECONDS, "Longest time that a request waits in the `queue`; 503 after that."
        option :timeout, Types::SECONDS, <<~TEXT, default: "none", unset: true
          Time until the head of the response, and longest pause in its body; 504 after that. The application's thread
          goes on until the application returns.
        TEXT
        option :path_prefix, PREFIX, <<~TEXT, aliases: [:at], default: "any path", unset: true
          Only this path and paths below it are the application's. It gets the prefix as `SCRIPT_NAME`, as with `map`.
        TEXT
        option :max_body, Types::BYTES, "Longest request body in bytes; 413 for a longer one.",
               default: "the `max_body` around it", unset: true
        option :max_tunnels, Types::COUNT, "WebSockets and other tunnels that are open at once; 503 for more.",
               default: "any number", unset: true
        option :x_sendfile, Types::NAMED_FOLDERS, <<~TEXT, default: "those headers are dropped", unset: true
          Send the files that a response names in `X-Sendfile`, if they are inside of these folders.
        TEXT

        private

        # Also called for `run` without an application, and with several.
        def run(call)
          return call.place.error("takes no block: write run ->(env) { … }") if call.block

          app = one(call)
          given, = read(call.options, call.place)
          name = name_of(app, call.place)
          inbox = inbox(app, given, name, call.draft)
          call.draft.add_route("run" => { **given, "inbox" => inbox, "name" => name, "at" => call.place.at })
        end

        def one(call)
          return takes.read(call.arguments.first, call.place) if call.arguments.one?

          what = call.arguments.empty? ? "the application is missing" : "takes one application"
          call.place.error("#{what}: write run MyApp, or run \"config.ru\"#{call.draft.foreign_self}")
        end

        # The name for logs and figures. One without a name is called by its line.
        def name_of(app, place)
          (app.name unless app.equal?(INVALID)) || File.basename(place.to_s)
        end

        # The id of the application's inbox. Without an application, the engine still checks the options.
        def inbox(app, given, name, draft)
          return 0 if app.equal?(INVALID)

          threads = given.fetch("threads") { Defaults.option(:run, :threads) }
          prefix = given.fetch("path_prefix", "").chomp("/")
          application = ::Proxy::Application.new(app.call, name: name, threads: threads, prefix: prefix)
          draft.applications << application
          application.id
        end
      end
    end
  end
end
