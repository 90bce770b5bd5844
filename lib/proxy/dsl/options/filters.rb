# frozen_string_literal: true

module Proxy
  class DSL
    module Options
      # Filters that change fields.
      HEADER_FILTERS = [
        Directive.new(
          :request_headers, :filters,
          prose: "Adds headers to the request and removes headers from it, before a handler sees it.",
          options: [
            option(:additions, Types::ADDITIONS, default: "`{}`", prose: "Headers to add: a String is a string rewrite, an Array is several."),
            option(:removals, Types::FIELD_NAMES, default: "`[]`", prose: "Names of headers to remove, before anything is added.")
          ]
        ),
        Directive.new(
          :response_headers, :filters,
          prose: "Adds headers to the response and removes headers from it, whether it comes from a backend or not.",
          options: [
            option(:additions, Types::ADDITIONS, default: "`{}`", prose: "Headers to add: a String is a string rewrite, an Array is several."),
            option(:removals, Types::FIELD_NAMES, default: "`[]`", prose: "Names of headers to remove, before anything is added.")
          ]
        )
      ].freeze

      # Every filter, in the order of the documentation.
      FILTERS = [*HEADER_FILTERS, *TRAFFIC_FILTERS, *AUTH_FILTERS].freeze
    end
  end
end
