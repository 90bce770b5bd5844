# frozen_string_literal: true

require_relative "../nesting"

module Proxy
  class DSL
    module Words
      # Selects requests by their path and by conditions.
      class Location < Word
        prose <<~TEXT
          Selects requests by path, host and more, and says in its block what to do with them. The first location of
          the file that matches takes the request.
        TEXT
        details <<~TEXT
          All conditions must hold; without a pattern they alone decide. A pattern is a path (`"/about"`), may have
          wildcards (`"/api/*"`, which is `/api` too, `"/files/*.png"`) and captures (`"/users/:id"`,
          `"/users/:id([0-9]+)"`), or is a Regexp, whose named groups are captures. String rewrites inside can refer
          to a capture as `{id}`.
        TEXT
        example <<~RUBY
          location "/api/*", methods: %w[GET POST], hosts: ["api.example.com"] do
            proxy to: "http://127.0.0.1:3001{path}{query}"
          end
        RUBY
        example <<~RUBY, "Captures"
          location "/users/:id([0-9]+)" do
            proxy to: "http://users.internal/v2/accounts/{id}{query}"
          end
        RUBY
        example <<~'RUBY', "Conditions alone"
          location headers: { "Upgrade" => /\Awebsocket\z/i } do
            proxy to: "http://127.0.0.1:3002{path}{query}", preserve_host: true
          end
        RUBY

        # Paths of a location. Captures in the syntax of other routers, and regular expressions in a String, are
        # refused: they would be taken literally and match no real path.
        class Patterns < Types::Matches
          # A capture, with or without a regular expression in parentheses.
          CAPTURE = /:\w+(?:\((?:[^()\\]|\\.|\([^()]*\))*\))?/.freeze
          EXPRESSION = %r{\\[dwsbAzZ.]|\(\?|\.\+|\(\.\*\)|[^/]/\.\*\z|\[\^|\[[a-z0-9]-|\$\z|\A\^|\(\w+(?:\|\w+)+\)}i
          # A capture in the syntax of other routers.
          ELSEWHERE = /\{(\w+)(?::[^}]*)?\}|<(?:\w+:)?(\w+)>|(?<=\/)\[([a-z_]\w*)\](?=\/|\z)/
          private_constant :CAPTURE, :EXPRESSION, :ELSEWHERE

          private

          def element(value, place)
            return super.tap { told_of_expression(value, place) } if value.is_a?(Regexp)
            return super unless value.is_a?(String)

            elsewhere = modifier(value) || url(value) || braces(value)
            return place.error("#{value.inspect} #{elsewhere}") if elsewhere

            slip = expression_in_text(value) || capture(value) || several(value)
            return place.error("#{value.inspect} #{slip}") if slip && !value.start_with?("/")

            place.warning("#{value.inspect} #{slip}") if slip
            super
          end

          # nginx: `= /api`, `^~ /api/` and `~ \.php$`.
          def modifier(text)
            sign, path = text.match(/\A(=|\^~|~\*?)\s+(\S.*)\z/)&.captures
            case sign
            when "=" then "is nginx syntax: write #{path.inspect}"
            when "^~" then "is nginx syntax: write #{"#{path.chomp("/")}/*".inspect}"
            when "~" then "is nginx syntax: write %r{#{path}}"
            when "~*" then "is nginx syntax: write %r{#{path}}i"
            end
          end

          def url(text)
            host, path = text.match(%r{\A(?:https?://)([^/:]+)(?::\d+)?(/.*)?\z})&.captures
            host, path = text.match(%r{\A((?:[\w-]+\.)+[a-z]{2,})(/.*)\z})&.captures unless host
            "has a host: write host #{host.inspect} do … end, and in it location #{(path || "/*").inspect}" if host
          end

          # `"/a, /b"`
          def several(text)
            parts = text.split(%r{\s*,\s*(?=/)|\s+(?=/)})
            "holds several paths: write #{parts.map(&:inspect).join(", ")}" if parts.length > 1
          end

          # Shell braces: `"/*.{png,jpg}"`.
          def braces(text)
            front, choices, rest = text.match(/\A(.*)\{([^{}]+,[^{}]+)\}(.*)\z/)&.captures
            return unless choices

            paths = choices.split(",").map { |one| "#{front}#{one}#{rest}".inspect }
            "has braces, which have no meaning here: write #{paths.join(", ")}"
          end

          def expression_in_text(text)
            rest = text.gsub(CAPTURE, "")
            # A capture with an unclosed bracket has its own message.
            return if !rest.match?(EXPRESSION) || text.match?(/:\w+\([^)]*\z/)

            "is text, not a regular expression: write %r{#{text.start_with?("^") ? "\\A#{text[1..]}" : text}}"
          end

          # `{id}`, `<id>`, `<int:id>`, `[id]` and `*id`.
          def capture(text)
            ours = text.gsub(ELSEWHERE) { ":#{$1 || $2 || $3}" }
            return "has a capture in the syntax of another router: write #{ours.inspect}" if ours != text

            return unless text.match?(%r{/\*[a-z_]\w*\z})

            "ends with a * and a name, which is no capture: write #{text.sub(/\*\w+\z/, "*").inspect}"
          end

          # `location /api/ do` is Ruby's Regexp of three letters.
          def told_of_expression(regexp, place)
            return unless regexp.source.match?(/\A[\w-]+\z/)

            place.warning("#{regexp.inspect} is a Regexp, which takes every path with #{regexp.source.inspect} " \
                          "somewhere in it: write \"/#{regexp.source}/*\"")
          end
        end

        PATTERNS = Patterns.new("String, Regexp, …", 'a path such as "/about", "/api/*" or "/users/:id", or a Regexp')
        SCHEMES = Types::Words.new("Array", 'schemes, such as ["https"]')
        PORTS = Types::Numbers.new("Array", "ports, such as [8080]")
        EXTENSIONS = Types::Words.new("Array", 'extensions, such as ["png", "jpg"]')
        REMOTE = Types::List.new("Array", 'addresses and networks, such as ["10.0.0.0/8", "192.0.2.7"]')
        CONTENT_TYPES = Types::List.new("Array", 'media types, such as ["application/json", "image/*"]')
        ACCEPTS = Types::List.new("Array", 'media types, such as ["text/html"]')
        HEADERS = Types::Conditions.new("Hash", 'a Hash, such as { "X-Beta" => "1", "X-Debug" => nil }')
        QUERY = Types::Conditions.new("Hash", 'a Hash, such as { "v" => "2", "preview" => true }')
        COOKIES = Types::Conditions.new("Hash", 'a Hash, such as { "beta" => "1", "session" => true }')

        NAME = Types::Text.new("String", 'a name, such as "users"')

        takes PATTERNS, as: :patterns, many: true

        option :hosts, Types::HOSTS, <<~TEXT, default: "any", unset: true
          The host that the client asked for is one of these: `"example.com"`, `"*.example.com"` (all below it, not
          itself) or a Regexp.
        TEXT
        option :methods, Types::METHODS,
               "The request's method is one of these. `HEAD` is not included in `GET`.", default: "any", unset: true
        option :schemes, SCHEMES, "The client used `http` or `https`.", default: "any", unset: true
        option :ports, PORTS, <<~TEXT, default: "any", unset: true
          The port that the client connected to is one of these. The port in `Host` counts only if that is unknown.
        TEXT
        option :headers, HEADERS, <<~TEXT, default: "any", unset: true
          Headers by name, each a String (one line of it is just that), a Regexp (matches one line), `true` (is
          there), `nil` (is not there) or an Array of those (any of them).
        TEXT
        option :query, QUERY, "The same for parameters of the query, decoded as a form.", default: "any", unset: true
        option :cookies, COOKIES, "The same for cookies.", default: "any", unset: true
        option :remote, REMOTE, "The client's address is in one of these addresses and networks.",
               default: "any", unset: true
        option :extensions, EXTENSIONS, <<~TEXT, default: "any", unset: true
          What comes after the last dot of the path's last segment is one of these, in any letter case.
        TEXT
        option :content_types, CONTENT_TYPES,
               'The media type of the request\'s body is one of these; `"image/*"` is all of a kind.',
               default: "any", unset: true
        option :accepts, ACCEPTS, <<~TEXT, default: "any", unset: true
          The client accepts one of these media types. A client that sends no `Accept` accepts all.
        TEXT

        option :name, NAME, <<~TEXT, default: "the paths as written", unset: true
          What logs and metrics call it. Locations of the same name count as one. Without paths it is called as its
          hosts, or else as the location around it.
        TEXT

        # The type of the word's method, with its block, in RBS.
        def signature
          super.sub(/ -> nil\z/, " { (DSL) -> void } -> nil")
        end

        private

        def run(call)
          given = call.arguments.flatten(1)
          if given.empty? && call.options.empty?
            call.place.error("there is neither a path nor a condition: write #{PATTERNS.hint}, " \
                             'or a condition such as methods: ["GET"]')
          end
          conditions, = read(call.options, call.place)
          values = whole(given, call)
          paths = Nesting.new(values) unless values.equal?(INVALID)
          add(call, conditions, values, paths)
        end

        # The patterns, prefixed with those of the enclosing locations; INVALID if none is valid.
        def whole(given, call)
          values = given.empty? ? INVALID : takes.read(given, call.place)
          values.equal?(INVALID) ? INVALID : Nesting.whole(values, call.draft.around, call.place)
        end

        # Adds the location. `values` are the values before the options, and `paths` its full paths.
        def add(call, conditions, values, paths = nil)
          return call.place.error("has no block: write #{name} #{sample} do … end") unless call.block

          # The inside is checked even if the conditions are wrong.
          routes = call.draft.inside(paths, tunnels: tunnels?(conditions)) { inner(call) }
          conditions = { **conditions, @as => values } unless values.equal?(INVALID)
          conditions = { **conditions, "inner" => paths.inner } if paths&.inner&.any?
          call.draft.add_route("location" => { **conditions, "routes" => routes, "at" => call.place.at })
        end

        def inner(call)
          call.block.arity == 1 ? call.block.call(call.dsl) : call.block.call
        end

        # Whether the conditions match only WebSocket or other upgrade requests.
        def tunnels?(conditions)
          headers = conditions["headers"].is_a?(Array) ? conditions["headers"] : []
          headers.any? do |condition|
            wanted = condition["values"].reject { |value| value["present"] == false }
            name = condition["name"].downcase
            wanted.any? && (name == "upgrade" || (name == "connection" && wanted.to_s.match?(/upgrade/i)))
          end
        end

        def sample = '"/api/*"'
      end
    end
  end
end
