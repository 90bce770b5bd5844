# frozen_string_literal: true

module Proxy
  module CLI
    class Routes
      # The result for one request, with the reasons: location, filters, handler, request to the backend.
      # @api private
      class Answer
        # With more locations than this, those whose path and host both differ are only counted.
        MANY = 30
        # Header fields whose values are not shown if they come from the configuration.
        SECRET = /auth|cookie|token|secret|passw|passphrase|pwd|key|credential|signature|session|jwt|verify/i
        # Filters whose changes to a request cannot be told from the configuration alone.
        CHANGING = %w[auth_api_key auth_jwt forward_auth rewrite].freeze

        def initialize(config, question, told)
          @routes = config.to_h.fetch("routes")
          @words = Words.new(config)
          @question = question
          @told = told
        end

        # The lines to be printed.
        def lines
          ["#{@question.request_method} #{@question.url}", *asked, "", *locations, *captures, *filters, *result, *sent]
        end

        # The directive at a place of the file.
        def at(place)
          *outer, last = place
          outer.reduce(@routes) { |routes, index| routes.fetch(index).fetch("location").fetch("routes") }.fetch(last)
        end

        private

        def asked
          return [] if @told[:host].empty? && @told[:path].empty?

          ["  is matched as #{@told[:path]} on #{@told[:host]}, from #{@told[:client] || "a unix socket"}#{by_proxy}"]
        end

        def by_proxy
          return unless (via = @told[:via])

          via == @told[:client] ? ", a trusted proxy" :
            ", by the trusted proxy #{via.empty? ? "at a unix socket" : via}"
        end

        def locations
          steps = @told[:steps]
          return [] if steps.empty?

          shown = steps.length > MANY ? steps.reject { |step| far?(step) } : steps
          hidden = steps.length - shown.length
          ["locations, in the order in which they are tried:", *shown.flat_map { |step| location(step) },
           *("      … and #{hidden} others, with another path and another host" if hidden.positive?), ""]
        end

        # Whether a location differs from the request in both path and host.
        def far?(step)
          %w[path hosts].all? { |name| step[:failed].any? { |failure| failure[:condition] == name } }
        end

        def location(step)
          route = at(step[:place])
          depth = step[:place].length - 1
          mark = step[:failed].empty? ? "yes" : "no "
          [row(route, "#{mark}  #{"  " * depth}#{@words.location(Table.spec(route))}"),
           *step[:failed].map { |failure| row(nil, "     #{"  " * depth}#{failed(Table.spec(route), failure)}") }]
        end

        def failed(spec, failure)
          wanted = @words.wanted(spec, failure[:condition])
          "#{failure[:condition]}: #{"#{wanted}; " if wanted}the request has #{failure[:found]&.inspect || "none"}"
        end

        def captures
          return [] if @told[:captures].empty?

          ["captures:", *@told[:captures].to_h.map { |name, value| "      #{name} = #{value.inspect}" }, ""]
        end

        def filters
          return [] if @told[:filters].empty?

          ["filters, in the order in which they run:",
           *@told[:filters]
             .flat_map { |place| filter(place) },
           *("      What follows is for the path as it is before `rewrite` changes it." if rewritten?), ""]
        end

        def filter(place)
          route = at(place)
          rows = [row(route, @words.directive(Table.word(route), Table.spec(route)))]
          split = @told[:splits].to_h[place]
          rows << row(nil, split.empty? ? "  lets this request go on" : "  sends this request to #{split}") if split
          answered, answer = @told[:answered]
          return rows unless answered == place

          [*rows, row(nil, "  answers this request: #{[answer[:status], *answer[:location]].join(" to ")}")]
        end

        # Whether a filter changes the path, which only happens when there is a request.
        def rewritten?
          @told[:filters].any? { |place| Table.word(at(place)) == "rewrite" }
        end

        def result
          return refused(*@told[:refused]) if @told[:refused]

          passed, answering = @told[:handlers].partition { |handler| !handler[:accepts] }
          ["answer#{", if the filters let it pass" if @told[:answered]}:",
           *passed.flat_map { |handler| passed_over(handler) }, *answered(answering.first)]
        end

        def refused(status, reason)
          ["answer:", "      #{status}, before any filter or handler is asked: #{reason}"]
        end

        def passed_over(handler)
          route = at(handler[:place])
          [row(route, @words.directive(Table.word(route), Table.spec(route))), row(nil, "  #{why_passed_over(route)}")]
        end

        def why_passed_over(route)
          return "does not take this path" unless route.key?("static_files")

          %w[GET HEAD].include?(@question.request_method) ? "has no such file" : "answers GET and HEAD alone"
        end

        def answered(handler)
          return ["      404, for no handler takes the request"] unless handler

          route = at(handler[:place])
          spec = Table.spec(route)
          lines = [row(route, @words.directive(Table.word(route), spec, handler[:target]))]
          return [*lines, row(nil, "  #{by_itself}")] if by_itself

          location = handler.dig(:answer, :location)
          return [*lines, row(nil, "  #{handler[:answer][:status]} to #{location}")] if location

          lines << row(nil, "  #{handler[:answer][:status]}, as the disk has it now") if route.key?("static_files")
          lines << row(nil, "  #{@words.backends(spec)}") if route.key?("proxy") && @words.backends(spec)
          lines
        end

        # Whether a `proxy` takes the request.
        def proxied?
          handler = @told[:handlers].find { |one| one[:accepts] } unless @told[:refused]
          !handler.nil? && at(handler[:place]).key?("proxy")
        end

        # The proxy's own answer to a request that is not forwarded; nil for any other.
        def by_itself
          return unless proxied?

          status, reason = @question.never_forwarded
          "answered by the proxy: #{status}, for #{reason}" if status
        end

        def sent
          return [] if by_itself || !(sent = @told[:sent])

          fields = sent[:fields].map { |name, value| row(nil, "#{name}: #{shown(name, value)}") }
          ["", "the backend gets:", row(nil, sent[:line]), *fields,
           *(row(nil, "(not passed on: #{sent[:dropped].join(", ")})") if sent[:dropped].any?), *unknown]
        end

        def shown(name, value)
          SECRET.match?(name) && !@question.sends?(value) ? "…" : value
        end

        # What cannot be known without a real request.
        def unknown
          words = @told[:filters].map { |place| Table.word(at(place)) } & CHANGING
          words.empty? ? [] : [row(nil, "(as it is before #{words.join(" and ")})")]
        end

        # A line of output that begins with the line number of the directive.
        def row(route, text)
          line = route ? Table.line(route).to_s : ""
          "#{line.rjust(4)}  #{text}"
        end
      end
    end
  end
end
