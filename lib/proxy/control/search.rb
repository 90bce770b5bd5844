# frozen_string_literal: true

module Proxy
  module Control
    # The search for the proxy that runs with a configuration.
    # @api private
    class Search
      # Seconds that a look at a socket may take.
      LIMIT = 5
      private_constant :LIMIT

      # `file` is that of the configuration; nil for the one in this folder.
      def initialize(file)
        @file = file || Config.find
      end

      # The path of its socket.
      # @raise [NotRunning] if there is none, or if nobody listens there
      def place
        place = Place.new(@file)
        path = place.find or raise NotRunning, missing("#{short(place.candidates.first)} is not there")
        raise NotRunning, missing("nobody listens at #{short(path)}") unless listening?(path)

        path
      end

      private

      # Whether somebody listens there, or it is another's.
      def listening?(path)
        Connection.unix(path, LIMIT).close
        true
      rescue Connection::Broken => error
        !error.cause.is_a?(Errno::ECONNREFUSED)
      end

      def missing(reason)
        shown = @file.match?(%r{\A[./~]}) ? @file : "./#{@file}"
        "no proxy runs for #{shown} (#{reason}): start it, or name its socket"
      end

      def short(path) = path.delete_prefix("#{Dir.pwd}/")
    end
  end
end
