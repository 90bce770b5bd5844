# frozen_string_literal: true

require_relative "expectation"

module Proxy
  module Testing
    # Minitest's assertions for a {Router}. `require "proxy/minitest"` adds them to every test.
    #
    # Every one takes a request, its options `from:` and `headers:`, as {Router#explain} does, and facts, which are
    # named like the methods of the {Expectation}. They are about {#proxy}.
    #
    # @example
    #   class ProxyfileTest < Minitest::Test
    #     def test_users
    #       assert_routes "GET https://shop.example.com/users/7", to: "app_servers", with_captures: { id: "7" }
    #       refute_routes "GET /admin", from: "192.0.2.7"
    #     end
    #   end
    module Assertions
      # The router that the assertions are about: that of the `Proxyfile` in the working directory. Override it for
      # another one.
      #
      # @return [Router]
      # @example
      #   def proxy = @proxy ||= Proxy::Router.load("config/proxy.rb")
      def proxy
        @proxy ||= Router.load
      end

      # @!macro assertion
      #   @param request [String] as for {Router#explain}
      #   @param facts [Hash] `from:`, `headers:`, and methods of the expectation with their arguments
      #   @return [true]
      #   @raise [Minitest::Assertion] with what `proxy routes` prints

      # Expects that a backend gets the request: see {Expectation::Route}.
      # @macro assertion
      # @example
      #   assert_routes "GET /users/7", to: "app_servers", as: "/v2/users/7"
      def assert_routes(request, **facts) = assert_expected(Expectation::Route, request, facts)

      # Expects that no backend gets the request, or that the facts are not so.
      # @macro assertion
      # @example
      #   refute_routes "GET /admin", from: "192.0.2.7"
      def refute_routes(request, **facts) = refute_expected(Expectation::Route, request, facts)

      # Expects a redirect: see {Expectation::Redirect}.
      # @macro assertion
      # @example
      #   assert_redirects "http://example.com/a", to: "https://example.com/a", permanently: true
      def assert_redirects(request, **facts) = assert_expected(Expectation::Redirect, request, facts)

      # Expects no such redirect.
      # @macro assertion
      # @example
      #   refute_redirects "https://example.com/a"
      def refute_redirects(request, **facts) = refute_expected(Expectation::Redirect, request, facts)

      # Expects that the proxy answers by itself: see {Expectation::Answer}.
      # @macro assertion
      # @example
      #   assert_answers "GET /health", with: 200, with_body: "fine\n"
      def assert_answers(request, **facts) = assert_expected(Expectation::Answer, request, facts)

      # Expects no such answer.
      # @macro assertion
      # @example
      #   refute_answers "GET /users"
      def refute_answers(request, **facts) = refute_expected(Expectation::Answer, request, facts)

      # Expects that the proxy refuses the request: see {Expectation::Refuse}.
      # @macro assertion
      # @example
      #   assert_refuses "GET /admin", from: "192.0.2.7", with: 403
      def assert_refuses(request, **facts) = assert_expected(Expectation::Refuse, request, facts)

      # Expects no such refusal.
      # @macro assertion
      # @example
      #   refute_refuses "GET /admin", from: "10.0.0.1"
      def refute_refuses(request, **facts) = refute_expected(Expectation::Refuse, request, facts)

      # Expects that `auth_basic` asks for a password: see {Expectation::AskForPassword}.
      # @macro assertion
      # @example
      #   assert_asks_for_password "GET /admin", in_realm: "Staff"
      def assert_asks_for_password(request, **facts) = assert_expected(Expectation::AskForPassword, request, facts)

      # Expects that nobody asks for a password.
      # @macro assertion
      # @example
      #   refute_asks_for_password "GET /"
      def refute_asks_for_password(request, **facts) = refute_expected(Expectation::AskForPassword, request, facts)

      # Expects that a `rate_limit` counts the request: see {Expectation::Limit}.
      # @macro assertion
      # @example
      #   assert_limits "POST /login", to: 10, per: 60
      def assert_limits(request, **facts) = assert_expected(Expectation::Limit, request, facts)

      # Expects no such limit.
      # @macro assertion
      # @example
      #   refute_limits "GET /health"
      def refute_limits(request, **facts) = refute_expected(Expectation::Limit, request, facts)

      private

      def assert_expected(kind, request, facts)
        expectation = Expectation.build(kind, request, facts)
        assert expectation.matches?(proxy), -> { expectation.failure_message }
      end

      def refute_expected(kind, request, facts)
        expectation = Expectation.build(kind, request, facts)
        refute expectation.matches?(proxy), -> { expectation.failure_message_when_negated }
      end
    end
  end
end
