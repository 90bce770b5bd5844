# frozen_string_literal: true

module Proxy
  module Testing
    class Expectation
      # A request that a backend gets, or an application.
      #
      # @example
      #   route("GET /users/7").to("app_servers").with_captures(id: "7").as("GET /v2/users/7")
      class Route < Expectation
        # @param receivers [Array<String>] the name of an upstream, the address of a backend (`:app`: the application
        #   that `proxy run` starts), or the URL that it is asked for; several: the addresses of all backends
        # @return [self]
        # @example
        #   route("GET /users").to("127.0.0.1:3001", "127.0.0.1:3002")
        def to(*receivers)
          receivers = receivers.flatten.map { |receiver| receiver == :app ? ":app" : receiver }
          add("to #{show(receivers)}", ->(found) { reaches?(receivers, found) },
              ->(found) { "whose backends are #{show(found.backends)}" })
        end

        # @param captures [Hash{Symbol => String}] what the locations capture, or a part of it
        # @return [self]
        # @example
        #   route("GET /users/7").with_captures(id: /\A\d+\z/)
        def with_captures(captures)
          add("with #{pairs(captures)}", ->(found) { include?(captures, found.captures) },
              ->(found) { found.captures.empty? ? "without captures" : "with #{pairs(found.captures)}" })
        end

        # @param line [String, Regexp] the path with its query, or method and path, as the backend gets them
        # @return [self]
        # @example
        #   route("GET /api/users?page=2").as("/users?page=2")
        def as(line)
          add("as #{show(line)}", ->(found) { same?(line, seen(found.line, line)) },
              ->(found) { "as #{show(seen(found.line, line))}" })
        end

        # @param fields [Hash{String => String, nil}] header fields that the backend gets; nil: it does not get them
        # @return [self]
        # @example
        #   route("GET /").with_headers("X-Env" => "production", "Cookie" => nil)
        def with_headers(fields)
          add("with #{headers(fields)}", ->(found) { include?(fields, values(found, fields)) },
              ->(found) { "with #{headers(values(found, fields))}" })
        end

        # @param words [Array<String>] filters that the request passes, such as `auth_basic`
        # @return [self]
        # @example
        #   route("GET /admin").through("allow_list", "auth_basic")
        def through(*words)
          words = words.flatten.map(&:to_s)
          add("through #{words.join(", ")}", ->(found) { (words - found.filters).empty? },
              ->(found) { "through #{found.filters.empty? ? "no filter" : found.filters.join(", ")}" })
        end

        private

        def phrase = "route REQUEST"

        def holds?(found) = found.forwarded?

        def reaches?(receivers, found)
          return found.destinations.any? { |one| same?(receivers.first, one) } if receivers.one?

          receivers.length == found.backends.length &&
            receivers.all? { |receiver| found.backends.any? { |address| same?(receiver, address) } }
        end

        # The request line in the form in which it is expected: without HTTP version, without method.
        def seen(line, expected)
          line = line.to_s.delete_suffix(" HTTP/1.1")
          expected.is_a?(String) && !expected.include?(" ") ? line[/\S+\z/] : line
        end

        # The fields of the backend's request that are expected, under their expected names.
        def values(found, fields)
          fields.to_h do |name, _|
            sent = found.fields.filter_map { |own, value| value if own.casecmp?(name.to_s) }
            [name, sent.empty? ? nil : sent.join(", ")]
          end
        end

        def headers(fields)
          fields.map { |name, value|
            value.nil? ? "no #{name}" : "#{name}: #{value.is_a?(String) ? value : show(value)}"
          }.join(", ")
        end

        def pairs(captures) = captures.map { |name, value| "#{name}: #{show(value)}" }.join(", ")
      end
    end
  end
end
