# frozen_string_literal: true

module Proxy
  class DSL
    module Options
      # What a request must be like, beside its path and its host.
      CONDITIONS = [
        option(:methods, Types::METHODS, default: "any", unset: true,
               prose: "The request's method is one of these. `HEAD` is not included in `GET`."),
        option(:schemes, Types::SCHEMES, default: "any", unset: true, prose: "The client used `http` or `https`."),
        option(:ports, Types::PORTS, default: "any", unset: true,
               prose: "The port that the client connected to is one of these. The port in `Host` counts only if that is unknown."),
        option(:headers, Types::HEADER_CONDITIONS, default: "any", unset: true,
               prose: "Headers by name, each a String (one line of it is just that), a Regexp (matches one line), `true` (is there), `nil` " \
                      "(is not there) or an Array of those (any of them)."),
        option(:query, Types::QUERY_CONDITIONS, default: "any", unset: true,
               prose: "The same for parameters of the query, decoded as a form."),
        option(:cookies, Types::COOKIE_CONDITIONS, default: "any", unset: true, prose: "The same for cookies."),
        option(:remote, Types::REMOTE, default: "any", unset: true, prose: "The client's address is in one of these addresses and networks."),
        option(:extensions, Types::EXTENSIONS, default: "any", unset: true,
               prose: "What comes after the last dot of the path's last segment is one of these, in any letter case."),
        option(:content_types, Types::CONTENT_TYPES, default: "any", unset: true,
               prose: "The media type of the request's body is one of these; `\"image/*\"` is all of a kind."),
        option(:accepts, Types::ACCEPTS, default: "any", unset: true,
               prose: "The client accepts one of these media types. A client that sends no `Accept` accepts all.")
      ].freeze

      # Selects requests.
      LOCATION = Directive.new(
        :location, :location, takes: Types::PATTERNS,
        prose: "Selects requests by path, host and more, and says in its block what to do with them. The first location of the file " \
               "that matches takes the request.",
        options: [
          option(:hosts, Types::HOSTS, default: "any", unset: true,
                 prose: "The host that the client asked for is one of these: `\"example.com\"`, `\"*.example.com\"` (all below it, not " \
                        "itself) or a Regexp."),
          *CONDITIONS
        ]
      )

      # The same, by host.
      HOST = Directive.new(
        :host, :location, takes: Types::HOST_NAMES,
        prose: "Selects requests by host, like `location hosts: […]`, whose other conditions it takes too.",
        options: CONDITIONS
      )

      # Other files.
      INCLUDE = Directive.new(
        :include, :location, takes: Types::INCLUDED,
        prose: "Reads other files as if their content were written here."
      )
    end
  end
end
