# frozen_string_literal: true

module Proxy
  module CLI
    class Routes
      # Turns directives of the engine's configuration back into one or two lines of Ruby.
      # @api private
      class Words
        CONDITIONS = DSL::Words::BY_NAME.fetch(:location).options.map { |option| option.name.to_s }.freeze
        # Options that are shown with their values, header fields by name. Other options may hold secrets: they are
        # shown without values, unless those are numbers or switches.
        TOLD = %w[additions removals networks to path type parts upstream if_file zone].freeze
        SHOWN = [Integer, Float, true, false].freeze
        # The engine's names of values that are written without a name, before the options.
        TAKEN = %w[networks bytes parts upstream zone].freeze

        def initialize(config)
          @upstreams = config.to_h.fetch("upstreams", [])
        end

        # `location "/users/:id", /x/`
        def location(spec)
          word = spec.fetch("word", "location")
          values = spec.fetch(word == "host" ? "hosts" : "patterns", [])
          [word, values.map { |value| match(value) }.join(", ")].reject(&:empty?).join(" ")
        end

        # The conditions of a location, one text each.
        def conditions(spec)
          names = spec["word"] == "host" ? CONDITIONS - ["hosts"] : CONDITIONS
          names.select { |name| spec.key?(name) }.map { |name| "#{name}: #{list(spec.fetch(name))}" }
        end

        # The condition that a request did not meet; nil if it is in the location's first line.
        def wanted(spec, condition)
          option, name = condition.split(" ", 2)
          return if option == "path" || (option == "hosts" && spec["word"] == "host")
          return list(spec.fetch(option)) unless name

          spec.fetch(option).find { |named| named["name"] == name }.fetch("values").map { |one| match(one) }
              .join(" or ")
        end

        # The first line of a filter or a handler.
        def directive(word, spec, target = nil)
          case word
          when "proxy" then ["proxy", target || spec["to"], prefix(spec)].compact.join(" ")
          when "run" then ["run", spec["name"], prefix(spec)].compact.join(" ")
          when "static_files" then "static_files #{spec["root"]}"
          when "static_response"
            "static_response #{spec.fetch("code", Native.defaults.dig(:static_response, :code))}"
          else [word, options(spec), *("do … end" if spec.key?("block"))].reject(&:empty?).join(" ")
          end
        end

        # The backends of a `proxy`, for display.
        def backends(spec)
          name, addresses, pool = pool(spec)
          label = name ? "upstream #{name}" : "backends"
          return addressed(label, addresses || from_block(name, spec), pool) if pool

          host = host(spec)
          "backends: the addresses of #{host ? host.sub(/:\d+\z/, "") : "the host that the request brings"}"
        end

        # The pool of a `proxy`: the name of its upstream, if it has one, its backends and its options; nil if the
        # backends are those of a host name.
        def pool(spec)
          own = spec["pool"]
          return [nil, own["backends"], own] if own && (own["backends"] || own["backends_block"])

          upstream = @upstreams.find { |one| one["name"] == host(spec) } or return
          [upstream["name"], upstream.dig("pool", "backends") || upstream["backends"], upstream["pool"] || upstream]
        end

        # The address of a backend, as it is written.
        def address(backend)
          backend.fetch("address").then { |address| address == Config::App::STAND_IN ? ":app" : address }
        end

        # The host in the `to` of a `proxy`, with its port; nil if the request decides it.
        def host(spec)
          spec["to"].to_s[%r{\Ahttps?://([^/?\{]+)}i, 1]
        end

        private

        def match(value)
          return value.fetch("text").inspect if value.key?("text")
          return value.fetch("present") ? "true" : "nil" if value.key?("present")

          regexp = value.fetch("regexp")
          flags = { "multiline" => "m", "ignore_case" => "i", "extended" => "x" }.select { |name, _| regexp[name] }
                                                                                 .values.join
          source = regexp.fetch("source")
          source.include?("/") ? "%r{#{source}}#{flags}" : "/#{source}/#{flags}"
        end

        def list(values)
          values.map do |value|
            next value.to_s unless value.is_a?(Hash)

            value.key?("name") ? "#{value["name"]} => #{value["values"].map { |one| match(one) }.join(" or ")}" :
              match(value)
          end.join(", ")
        end

        def prefix(spec)
          spec["path_prefix"] && "under #{spec["path_prefix"]}#{", which is taken off" if spec["strip_prefix"]}"
        end

        def options(spec)
          values = spec.except("at", "block")
          # Values without a name come first, as in the file.
          taken = TAKEN.filter_map { |name| option(name, values.delete(name)) if values.key?(name) }
          [*taken, *values.map { |name, value| "#{name}: #{option(name, value)}" }].join(", ")
        end

        def option(name, value)
          return value.map { |part| part.first.join(" ") }.join(", ") if name == "key" && value.is_a?(Array)
          return value.map { |upstream, percent| "#{upstream} #{number(percent)} %" }.join(" ") if name == "parts"
          return Array(value).map { |one| Array(one).first }.join(" ") if TOLD.include?(name)
          return "…" unless SHOWN.any? { |kind| kind === value }

          number(value)
        end

        # 5.0 is shown as 5.
        def number(value) = value.is_a?(Float) && value == value.to_i ? value.to_i : value

        # What stands for backends that a block lists: the place of its directive.
        def from_block(name, spec)
          at = name ? @upstreams.find { |one| one["name"] == name }["at"] : spec["at"]
          ["from a block#{" (#{at["file"]}:#{at["line"]})" if at}"]
        end

        def addressed(label, addresses, pool)
          policy = pool["backend_priority"]
          policy = policy["named"] || policy.keys.first if policy.is_a?(Hash)
          shown = addresses.map do |backend|
            next backend if backend.is_a?(String)

            [address(backend), ("weight #{backend["weight"]}" if backend["weight"]), ("backup" if backend["backup"])]
              .compact.join(" ")
          end
          "#{label}: #{shown.join(", ")}#{" (#{policy})" if policy}"
        end
      end
    end
  end
end
