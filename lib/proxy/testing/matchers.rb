# frozen_string_literal: true

require_relative "expectation"

module Proxy
  module Testing
    # RSpec's matchers for a {Router}. `require "proxy/rspec"` adds them to every example.
    #
    # Every one takes a request and its options, as {Router#explain} does: a method and a URL, `from:` the address of
    # the client, `headers:` its fields.
    #
    # @example
    #   RSpec.describe "the Proxyfile" do
    #     subject(:proxy) { Proxy::Router.load("Proxyfile") }
    #
    #     it { is_expected.to route("GET https://shop.example.com/users/7").to("app_servers") }
    #     it { is_expected.not_to route("GET /admin", from: "192.0.2.7") }
    #   end
    module Matchers
      # Expects that a backend gets the request, or an application.
      #
      # @return [Expectation::Route]
      # @example
      #   expect(proxy).to route("GET /users/7").to("app_servers").with_captures(id: "7")
      def route(request, **options) = Expectation::Route.new(request, **options)

      # Expects a redirect.
      #
      # @return [Expectation::Redirect]
      # @example
      #   expect(proxy).to redirect("http://example.com/a").to("https://example.com/a").permanently
      def redirect(request, **options) = Expectation::Redirect.new(request, **options)

      # Expects that the proxy answers by itself.
      #
      # @return [Expectation::Answer]
      # @example
      #   expect(proxy).to answer("GET /nothing").with(404)
      def answer(request, **options) = Expectation::Answer.new(request, **options)

      # Expects that the proxy refuses the request, with a status of 400 or more.
      #
      # @return [Expectation::Refuse]
      # @example
      #   expect(proxy).to refuse("GET /admin", from: "192.0.2.7").with(403)
      def refuse(request, **options) = Expectation::Refuse.new(request, **options)

      # Expects that `auth_basic` asks for a password.
      #
      # @return [Expectation::AskForPassword]
      # @example
      #   expect(proxy).to ask_for_password("GET /admin").in_realm("Staff")
      def ask_for_password(request, **options) = Expectation::AskForPassword.new(request, **options)

      # Expects that a `rate_limit` counts the request.
      #
      # @return [Expectation::Limit]
      # @example
      #   expect(proxy).to limit("POST /login").to(10).per(60)
      def limit(request, **options) = Expectation::Limit.new(request, **options)
    end
  end
end
