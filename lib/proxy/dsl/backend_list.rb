# frozen_string_literal: true

require_relative "place"

module Proxy
  class DSL
    # Backends that are listed while the server runs: by a block in `backends`, or by {Server#set_backends}.
    # @api private
    module BackendList
      # The list in the engine's form. It may be empty. Raises an ArgumentError with all mistakes. `directory` is where
      # relative paths of unix sockets start.
      def self.read(value, directory)
        return [] if value == []

        problems = []
        place = Place.new(problems: problems, directive: "backends", file: nil, line: nil, directory: directory)
        list = Types::BACKENDS.read(value.respond_to?(:call) ? nil : value, place)
        if list.is_a?(Array) && list.any? { |backend| backend["address"] == Config::App::STAND_IN }
          place.error(":app cannot be listed while the server runs: write its address")
        end
        errors = problems.select(&:error?).map(&:message)
        raise ArgumentError, errors.join("; ") unless errors.empty?

        list
      end
    end
  end
end
