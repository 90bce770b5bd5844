# frozen_string_literal: true

module Proxy
  module Testing
    class Expectation
      # A request that the proxy redirects.
      #
      # @example
      #   redirect("http://shop.example.com/a").to("https://shop.example.com/a").permanently
      class Redirect < Expectation
        # @param url [String, Regexp] the value of `Location`
        # @return [self]
        # @example
        #   redirect("/old/page").to("/new/page")
        def to(url) = expect("to", url, &:location)

        # Expects a redirect that browsers remember: 301 or 308.
        #
        # @return [self]
        # @example
        #   redirect("/old").permanently
        def permanently = kind("permanently", [301, 308])

        # Expects a redirect that nobody remembers: 302 or 307.
        #
        # @return [self]
        # @example
        #   redirect("/old").temporarily
        def temporarily = kind("temporarily", [302, 307])

        # @param status [Integer] the status
        # @return [self]
        # @example
        #   redirect("/old").with(308)
        def with(status) = expect("with", status, &:status)

        private

        def phrase = "redirect REQUEST"

        def holds?(found) = !found.location.nil?

        def kind(name, statuses)
          add(name, ->(found) { statuses.include?(found.status) })
        end
      end
    end
  end
end
