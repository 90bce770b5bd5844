# frozen_string_literal: true

module Proxy
  module Testing
    class Expectation
      # A request that the proxy answers by itself.
      #
      # @example
      #   answer("GET /health").with(200).with_body("fine\n")
      class Answer < Expectation
        # @param status [Integer, Range] the status
        # @return [self]
        # @example
        #   answer("GET /nothing").with(404)
        def with(status) = expect("with", status, &:status)

        # @param text [String, Regexp] the body of a `static_response`
        # @return [self]
        # @example
        #   answer("GET /robots.txt").with_body(/Disallow/)
        def with_body(text)
          add("with the body #{show(text)}", ->(found) { same?(text, found.body) },
              ->(found) { "with the body #{show(found.body)}" })
        end

        private

        def phrase = "answer REQUEST"

        def holds?(found) = !found.forwarded?
      end

      # A request that the proxy refuses, with a status of 400 or more.
      #
      # @example
      #   refuse("GET /", from: "192.0.2.7").with(403)
      class Refuse < Expectation
        # @param status [Integer, Range] the status
        # @return [self]
        # @example
        #   refuse("GET /", from: "192.0.2.7").with(403)
        def with(status) = expect("with", status, &:status)

        private

        def phrase = "refuse REQUEST"

        def holds?(found) = !found.forwarded? && found.status >= 400
      end

      # A request that has no password yet and is asked for one, by `auth_basic`.
      #
      # @example
      #   ask_for_password("GET /admin").in_realm("Staff")
      class AskForPassword < Expectation
        # @param realm [String, Regexp] the realm, which a browser shows
        # @return [self]
        # @example
        #   ask_for_password("GET /admin").in_realm("Staff")
        def in_realm(realm)
          add("in the realm #{show(realm)}", ->(found) { same?(realm, realm_of(found)) },
              ->(found) { "in the realm #{show(realm_of(found))}" })
        end

        private

        def realm_of(found)
          found.challenge.to_s[/realm="((?:[^"\\]|\\.)*)"/, 1]&.gsub(/\\(.)/, '\1')
        end

        def phrase = "ask for a password for REQUEST"

        def holds?(found) = found.challenge.to_s.start_with?("Basic ")
      end
    end
  end
end
