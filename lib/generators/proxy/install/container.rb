# frozen_string_literal: true

require "json"

module Proxy
  module Generators
    # The files of an application's container: Dockerfile and bin/docker-entrypoint, as `rails new` writes them since
    # Rails 7.1. A line that is replaced stays above the new one, as a comment, so that it can be restored.
    # @api private
    class Container
      DOCKERFILE = "Dockerfile"
      ENTRYPOINT = "bin/docker-entrypoint"
      # The comment with the line that was there before.
      BEFORE = "# Before `rails generate proxy:install`: "
      REPLACED = /^#{Regexp.escape(BEFORE)}(.*)\n.*$/
      # Commands that may stand behind `proxy run --`, without `./bin/thrust`.
      SERVERS = [%w[./bin/rails server], %w[bin/rails server], %w[bundle exec rails server],
                 %w[bundle exec puma]].freeze
      THRUSTER = %w[./bin/thrust bin/thrust].freeze
      # The ports where the servers listen if nothing is exposed.
      PORTS = { thruster: 80, rails: 3000 }.freeze
      # Conditions of Rails 7 that hold only if `./bin/rails server` is the whole command, and that of Rails 8.
      WHOLE = [/^if \[ "\$\{\*\}" == "\.\/bin\/rails server" \]; then$/,
               /^if \[ "\$\{1\}" == "\.\/bin\/rails" \] && \[ "\$\{2\}" == "server" \]; then$/].freeze
      LAST = 'if [ "${@: -2:1}" == "./bin/rails" ] && [ "${@: -1:1}" == "server" ]; then'
      private_constant :DOCKERFILE, :ENTRYPOINT, :BEFORE, :REPLACED, :SERVERS, :THRUSTER, :PORTS, :WHOLE, :LAST

      def initialize(root)
        @root = root
      end

      # The files that change, each with its new text. `behavior` is `:invoke` or `:revoke`.
      def changes(behavior)
        found = [DOCKERFILE, ENTRYPOINT].to_h { |path| [path, behavior == :revoke ? restored(path) : changed(path)] }
        found.reject { |path, text| text.nil? || text == read(path) }
      end

      # What the person has to do by hand.
      def remedies
        [(dockerfile_remedy if read(DOCKERFILE) && !done?(DOCKERFILE) && !command), entrypoint_remedy].compact
      end

      private

      def changed(path) = path == DOCKERFILE ? dockerfile : entrypoint

      def restored(path) = read(path)&.gsub(REPLACED, '\1')

      def dockerfile
        return if !command || done?(DOCKERFILE)

        text = read(DOCKERFILE)
        # The last one counts.
        at = text.rindex(/^CMD /)
        text[0...at] + text[at..].sub(/\ACMD .*$/) { "#{BEFORE}#{$&}\nCMD [#{proxied.map(&:inspect).join(", ")}]" }
      end

      # The words of the command that starts the application; nil if it is none that is known.
      def command
        words = JSON.parse(read(DOCKERFILE).to_s.scan(/^CMD (.*?)\s*$/).flatten.last || "null")
        return unless words.is_a?(Array)

        server = THRUSTER.include?(words.first) ? words.drop(1) : words
        words if SERVERS.include?(server)
      rescue JSON::ParserError
        nil
      end

      def proxied
        server = THRUSTER.include?(command.first) ? command.drop(1) : command
        ["./bin/proxy", "run", "-b", "http://0.0.0.0:#{port}", "--", *server]
      end

      # The port that the container exposes.
      def port
        exposed = read(DOCKERFILE).scan(%r{^EXPOSE (\d+)(?:/tcp)?\s*$}).flatten.last
        exposed || PORTS.fetch(THRUSTER.include?(command.first) ? :thruster : :rails)
      end

      def entrypoint
        return unless command

        read(ENTRYPOINT)&.sub(Regexp.union(WHOLE)) { "#{BEFORE}#{$&}\n#{LAST}" }
      end

      def done?(path) = read(path).to_s.match?(/^CMD .*bin\/proxy/)

      def dockerfile_remedy
        "#{DOCKERFILE}: its command is none that is known here: have it start `./bin/proxy run -b " \
          "http://0.0.0.0:PORT --` and your command, with the port that the container exposes."
      end

      # An own script may do something only if `rails server` is the whole command.
      def entrypoint_remedy
        text = read(ENTRYPOINT)
        return if text.nil? || !text.include?("server") || text.include?(LAST) || text.match?(Regexp.union(WHOLE))

        "#{ENTRYPOINT}: see that it prepares the database for `./bin/proxy run … -- ./bin/rails server` too."
      end

      def read(path)
        File.read(File.join(@root, path), encoding: Encoding::UTF_8)
      rescue SystemCallError
        nil
      end
    end
  end
end
