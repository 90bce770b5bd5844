# frozen_string_literal: true

module Proxy
  module CLI
    class Routes
      # All routes of a configuration, by line.
      # @api private
      class Table
        def initialize(config)
          @config = config
          @words = Words.new(config)
        end

        # The lines to be printed.
        def lines
          routes = @config.to_h.fetch("routes")
          return ["#{@config.file} does nothing with requests."] if routes.empty?

          @width = largest_line(routes).to_s.length
          ["#{@config.file}, by line:", "", *scope(routes, 0)]
        end

        private

        def largest_line(routes)
          routes.map { |route| [Table.line(route).to_i, largest_line(Table.spec(route).fetch("routes", []))].max }
                .max || 0
        end

        # Rows in the order of a request: locations first, since they are tried first, then filters, then handlers.
        def scope(routes, depth)
          order = { "filter" => 0, "location" => 1 }
          routes.sort_by.with_index { |route, index| [order.fetch(route.keys.first, 2), index] }
                .flat_map { |route| directive(route, depth) }
        end

        def directive(route, depth)
          spec = Table.spec(route)
          first = route.key?("location") ? @words.location(spec) : @words.directive(Table.word(route), spec)
          [numbered(Table.line(route), depth, first), *details(route, spec, depth + 1)]
        end

        def details(route, spec, depth)
          case route.keys.first
          when "location"
            @words.conditions(spec).map { |text| plain(depth, text) } + scope(spec.fetch("routes"), depth)
          when "proxy" then [@words.backends(spec)].compact.map { |text| plain(depth, text) }
          else []
          end
        end

        def numbered(line, depth, text)
          "#{line.to_s.rjust(@width + 2)}  #{"  " * depth}#{text}"
        end

        def plain(depth, text)
          numbered(nil, depth, text)
        end

        class << self
          # The options of a directive of any kind.
          def spec(route)
            kind, spec = route.first
            kind == "filter" ? spec.values.first : spec
          end

          # The word of the directive as it was written.
          def word(route)
            kind, spec = route.first
            kind == "filter" ? spec.keys.first : kind
          end

          def line(route)
            spec(route).dig("at", "line")
          end
        end
      end
    end
  end
end
