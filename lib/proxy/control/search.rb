# frozen_string_literal: true

require "etc"

module Proxy
  module Control
    # The search for the proxy that runs with a configuration: at its usual sockets, else where the file says `control`.
    # @api private
    class Search
      # Seconds that a look at a socket may take.
      LIMIT = 5
      private_constant :LIMIT

      # `file` is that of the configuration; nil for the one in this folder.
      def initialize(file)
        @file = file || Config.find
      end

      # The place where it is asked, and the token for that.
      # @return [Array(String, String), Array(String, nil)]
      # @raise [NotRunning] if there is none, or if nobody listens there
      def place
        usual = Place.new(@file)
        found = usual.found
        path = found.find { |socket| listening?(socket) }
        return [path, nil] if path

        written = self.written
        return named(written) if written&.any?

        reasons = [found.any? ? "nobody listens at #{short(found.first)}" :
                                "#{short(usual.candidates.first)} is not there"]
        usual.doubtful.first(1).each { |socket| reasons << "#{socket} is of #{user(socket)}" }
        raise NotRunning, missing(reasons.join(", and "))
      end

      # What the file says of the control API; nil if it says nothing, or cannot be read. It is evaluated for that, as
      # `proxy check` does it.
      def written
        return unless File.file?(@file)

        draft = DSL::Draft.of_file(@file)
        draft.control&.reject { |place| place["metrics"] || place["address"] == true }
      # It may need what only the proxy has, such as a variable.
      rescue StandardError, ScriptError, SystemExit
        nil
      ensure
        draft&.close
      end

      private

      # The first place of the file where somebody listens. A socket needs no token.
      def named(places)
        raise NotRunning, "#{shown} says control false, so its proxy cannot be asked: take that out" if
          places.any? { |place| place["address"] == false }

        sockets, urls = places.partition { |place| place["address"].start_with?("unix:") }

        found = sockets.map { |place| place["address"].delete_prefix("unix://") }.find { |path| listening?(path) }
        return [found, nil] if found
        return urls.first.values_at("address", "token") if urls.any?

        raise NotRunning, missing("nobody listens at #{short(sockets.first["address"].delete_prefix("unix://"))}")
      end

      # Whether somebody listens there, or it is another's.
      def listening?(path)
        Connection.unix(path, LIMIT).close
        true
      rescue Connection::Broken => error
        [Errno::ECONNREFUSED, Errno::ENOENT].none? { |gone| error.cause.is_a?(gone) }
      end

      def missing(reason)
        "no proxy runs for #{shown} (#{reason}): start it, or name its socket"
      end

      # Who has made a socket.
      def user(socket)
        uid = File.stat(socket).uid
        Etc.getpwuid(uid).name
      rescue SystemCallError, ArgumentError
        "user #{uid || "unknown"}"
      end

      def shown = @file.match?(%r{\A[./~]}) ? @file : "./#{@file}"

      def short(path) = path.delete_prefix("#{Dir.pwd}/")
    end
  end
end
