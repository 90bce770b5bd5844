# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Answers with a redirect to another URL.
      class Redirect < Word::Handler
        prose "Sends the client elsewhere."
        example <<~RUBY
          redirect to: "https://www.example.com{path}{query}", type: :permanent
        RUBY

        # A kind of redirect. Users of other systems write the status code.
        class Kind < Types::Name
          CODES = { "301" => :moved_permanently, "302" => :found, "303" => :found, "307" => :temporary,
                    "308" => :permanent }.freeze
          private_constant :CODES

          def read(value, place)
            kind = CODES[value.to_s]
            kind ? place.error("#{value.inspect} is #{Format.kind(value)}: write #{kind.inspect}") : super
          end
        end

        TARGET = Types::Template.new("rewrite", 'a URL or a path, such as "https://{host}{path}{query}"')
        KIND = Kind.new("name", %w[permanent temporary moved_permanently found])

        option :to, TARGET, <<~TEXT, required: true
          Where to: an absolute URL or a path, a string rewrite. A URL without a path is that site's `/`.
        TEXT
        option :type, KIND, <<~TEXT
          `permanent` (308) and `temporary` (307) keep the method; `moved_permanently` (301) and `found` (302) may
          turn it into GET.
        TEXT

        private

        def add(call)
          given, sound = read(call.options, call.place)
          call.draft.add_route("redirect" => { **given, "at" => call.place.at }) if sound || enough?(given)
        end

        # `redirect "/old" => "/new"`
        def instead_of(key)
          return unless key.is_a?(String) && !names.include?(key.to_sym) && key.start_with?("/")

          "write location #{key.inspect} do redirect to: \"…\" end"
        end

        # `redirect "/old", "/new"` and `redirect "https://…"`
        def misplaced(values)
          first, last = values.first, values.last
          return ["two paths", "location #{first.inspect} do redirect to: #{last.inspect} end"] if two_paths?(values)

          target = first.is_a?(String) && first.match?(%r{\A(?:https?:/)?/[^\s@]*\z})
          [Format.show(first), "redirect to: #{(target ? first : "https://{host}{path}{query}").inspect}"]
        end

        def two_paths?(values)
          values.length == 2 && values.all? { |value| value.is_a?(String) && value.start_with?("/") }
        end
      end
    end
  end
end
