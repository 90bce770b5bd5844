# frozen_string_literal: true

module Proxy
  class DSL
    # A Rack application: an object with `call`, or the path of a `config.ru`.
    # @api private
    class RackApplication < Types::Type
      # What was found: the application, and its name for logs; nil for one that has none.
      Found = Struct.new(:call, :name)
      private_constant :Found

      FILE = Types::InputFile.new("path", 'the path of a config.ru, such as "config.ru"')
      private_constant :FILE

      def signature = "String | _Path | _RackApplication"

      def read(value, place)
        return file(value, place) if value.is_a?(String) || value.respond_to?(:to_path)
        return Found.new(built(value), named(value)) if value.respond_to?(:call)

        if value.is_a?(Class) && value.method_defined?(:call)
          name = shown(value)
          return place.error("the class #{name} has no `call`, only its objects: write run #{name}.new")
        end

        place.error("#{Format.show(value)} is #{Format.kind(value)}, not a Rack application: write #{hint}")
      end

      private

      # A `Rack::Builder` would build its application anew for each request.
      def built(value) = value.respond_to?(:to_app) ? value.to_app : value

      def named(value)
        shown(value.is_a?(Module) ? value : value.class) unless value.is_a?(Proc) || value.is_a?(Method)
      end

      # The name of a class. One that the configuration defines is inside of a module without a name.
      def shown(value) = value.name&.sub(/\A#<.*>::/, "")

      def file(value, place)
        path = FILE.read(value, place)
        return path if path.equal?(INVALID)
        return INVALID unless rack?(value, place)

        found = ::Rack::Builder.parse_file(path)
        # Rack 2 returns the options in the file too.
        Found.new(found.is_a?(Array) ? found.first : found, value.to_s)
      rescue StandardError, ScriptError => error
        line = error.backtrace.to_a.grep(/\A#{Regexp.escape(path)}:(\d+)/) { $1 }.first
        place.error("#{value.to_s.inspect} raised #{error.class}#{" in line #{line}" if line}: " \
                    "#{Problem.text(error.message.lines.first.to_s.chomp)}: correct it")
      end

      def rack?(value, place)
        %w[rack rack/builder].each { |part| require part }
      rescue LoadError
        place.error("#{value.to_s.inspect} needs the gem rack, which is not there: add it to the Gemfile and start " \
                    "with `bundle exec proxy`, or write run ->(env) { … }")
        false
      end
    end
  end
end
