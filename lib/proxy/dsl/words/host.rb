# frozen_string_literal: true

require_relative "location"

module Proxy
  class DSL
    module Words
      # Selects requests by the host that the client asked for.
      class Host < Location
        prose "Selects requests by host, like `location hosts: […]`, whose other conditions it takes too."
        details "Letter case and port do not matter. `\"*.example.com\"` is all below it, not itself."
        example <<~RUBY
          host "admin.example.com", "*.admin.example.com" do
            proxy to: "http://127.0.0.1:3003{path}{query}"
          end
        RUBY

        NAMES = Types::Hosts.new("String, Regexp, …", 'a host such as "example.com" or "*.example.com", or a Regexp')

        takes NAMES, as: :hosts, many: true

        options_of Location, except: [:hosts]

        private

        def run(call)
          given = call.arguments.flatten(1)
          call.place.error("the host is missing: write #{takes.hint}") if given.empty?
          conditions, = read(call.options, call.place)
          values = given.empty? ? INVALID : takes.read(given, call.place)
          add(call, { **conditions, "word" => "host" }, values)
        end

        def sample = '"example.com"'
      end
    end
  end
end
