# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Paths of a location. What routers elsewhere write for a capture, and regular expressions in a String, would be taken as they are
      # written, and match nothing that there is.
      class Patterns < Matches
        # A capture with its expression, which may hold anything.
        CAPTURE = /:\w+(?:\((?:[^()\\]|\\.|\([^()]*\))*\))?/.freeze
        EXPRESSION = %r{\\[dwsbAzZ.]|\(\?|\.\+|\(\.\*\)|[^/]/\.\*\z|\[\^|\[[a-z0-9]-|\$\z|\A\^|\(\w+(?:\|\w+)+\)}i.freeze
        private_constant :CAPTURE, :EXPRESSION

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

        # `= /api`, `^~ /api/` and `~ \.php$` of nginx.
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

        # `"/*.{png,jpg}"` of a shell.
        def braces(text)
          front, choices, rest = text.match(/\A(.*)\{([^{}]+,[^{}]+)\}(.*)\z/)&.captures
          "has braces, which have no meaning here: write #{choices.split(",").map { |one| "#{front}#{one}#{rest}".inspect }.join(", ")}" if choices
        end

        def expression_in_text(text)
          rest = text.gsub(CAPTURE, "")
          # A capture whose bracket is not closed is told of as that.
          return if !rest.match?(EXPRESSION) || text.match?(/:\w+\([^)]*\z/)

          "is text, not a regular expression: write %r{#{text.start_with?("^") ? "\\A#{text[1..]}" : text}}"
        end

        # `{id}`, `<id>`, `<int:id>`, `[id]` and `*id`.
        def capture(text)
          ours = text.gsub(/\{(\w+)(?::[^}]*)?\}|<(?:\w+:)?(\w+)>|(?<=\/)\[([a-z_]\w*)\](?=\/|\z)/) { ":#{$1 || $2 || $3}" }
          return "has a capture in the syntax of another router: write #{ours.inspect}" if ours != text

          "ends with a * and a name, which is no capture: write #{text.sub(/\*\w+\z/, "*").inspect}" if text.match?(%r{/\*[a-z_]\w*\z})
        end

        # `location /api/ do` is Ruby's Regexp of three letters.
        def told_of_expression(regexp, place)
          return unless regexp.source.match?(/\A[\w-]+\z/)

          place.warning("#{regexp.inspect} is a Regexp, which takes every path with #{regexp.source.inspect} somewhere in it: write \"/#{regexp.source}/*\"")
        end
      end

      # Hosts, of which nginx writes `_` for all.
      class Hosts < Matches
        private

        def element(value, place)
          hosts = value.is_a?(String) ? value.split(/[\s,]+/) : []
          return place.error("#{value.inspect} holds several hosts: write #{hosts.map(&:inspect).join(", ")}") if hosts.length > 1
          return super unless value == "_"

          place.error('"_" means every host in nginx: leave the block out, and write what is in it at the top level')
        end
      end

      PATTERNS = Patterns.new("String, Regexp, …", 'a path such as "/about", "/api/*" or "/users/:id", or a Regexp')
      HOSTS = Hosts.new("Array", 'hosts, such as ["example.com", "*.example.com"], or Regexps')
      HOST_NAMES = Hosts.new("String, Regexp, …", 'a host such as "example.com" or "*.example.com", or a Regexp')
    end
  end
end
