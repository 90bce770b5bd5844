# frozen_string_literal: true

module Proxy
  class DSL
    # Advice for an exception that a configuration raised.
    # @api private
    module Raised
      DURATIONS = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800, sec: 1, min: 60, millisecond: 0.001,
                    ms: 0.001, s: 1, m: 60,
                    h: 3600 }.freeze
      SIZES = { byte: 1, kilobyte: 1024, megabyte: 1024**2, gigabyte: 1024**3, terabyte: 1024**4, kb: 1024, mb: 1024**2,
                gb: 1024**3, kib: 1024,
                mib: 1024**2, gib: 1024**3 }.freeze
      private_constant :DURATIONS, :SIZES

      # The mistake and its correction; nil for an ordinary exception. `text` is the source line.
      def self.explain(error, text)
        case error
        when NoMethodError then no_method(error, receiver(error), text)
        when NameError then no_name(error)
        when KeyError then no_key(error, receiver(error))
        when LoadError
          if error.path
            "the file or gem #{error.path.inspect} is not there: add the gem to the Gemfile and start with `bundle " \
            "exec proxy`"
          end
        when Errno::ENOENT then backticks(text) || "the file #{error.message[/ - (.*)\z/, 1].inspect} does not " \
                                                   "exist: create it, or correct its path"
        when TypeError, ArgumentError then wrong_argument(error, text)
        end
      end

      # `to: `http://…``, which Ruby runs as a command.
      def self.backticks(text)
        found = text.to_s[/`([^`]*)`/, 1]
        "text is written in quotes, and backticks run a command: write #{found.inspect}" if found
      end
      private_class_method :backticks

      def self.receiver(error)
        error.receiver
      rescue ArgumentError
        Object.new
      end
      private_class_method :receiver

      def self.no_method(error, receiver, text)
        return unit(error.name, receiver) || missing(error, "a number") if receiver.is_a?(Numeric)
        return nil_has_not(error.name, text) if receiver.nil?
        return missing(error, Format.kind(receiver)) unless receiver.is_a?(Module)

        missing(error, receiver.name || "this module")
      end
      private_class_method :no_method

      # `30.seconds`, which is ActiveSupport's.
      def self.unit(name, number)
        singular = name.to_s.delete_suffix("s").to_sym
        factor = DURATIONS[name] || DURATIONS[singular] || SIZES[name] || SIZES[singular] or return
        plain = Syntax.number_of((number * factor).then { |value| value == value.to_i ? value.to_i : value })
        why = rails?(name) ? "#{number}.#{name} needs ActiveSupport, which is not loaded here" :
          "a number has no method `#{name}`"
        "#{why}: write #{plain}"
      end
      private_class_method :unit

      def self.rails?(name)
        name.match?(/\A(?:second|minute|hour|day|week|byte|kilobyte|megabyte|gigabyte|terabyte)s?\z/)
      end
      private_class_method :rails?

      def self.nil_has_not(name, text)
        variable = text.to_s[/ENV\[(["'])([^"']+)\1\]/, 2]
        if variable
          return "the environment variable #{variable} is not set: set it, or write ENV.fetch(\"#{variable}\", " \
                 "\"…\") with a default"
        end

        "nil has no method `#{name}`: write a value in its place"
      end
      private_class_method :nil_has_not

      def self.missing(error, what)
        near = error.respond_to?(:corrections) ? error.corrections.first : nil
        remedy = near ? " (did you mean `#{near}`?)" : ": leave it out, or correct its name"
        "#{what} has no method `#{error.name}`#{remedy}"
      end
      private_class_method :missing

      def self.no_name(error)
        name = error.name.to_s
        return unless name.match?(/\A[A-Z]/)

        ours = { "True" => "true", "TRUE" => "true", "False" => "false", "FALSE" => "false", "None" => "nil",
                 "NULL" => "nil", "Null" => "nil" }[name]
        return "Ruby has no #{name}: write #{ours}" if ours
        if %w[GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT].include?(name)
          return "text needs quotes: write #{name.inspect}"
        end

        near = Spelling.nearest_exactly(name, Object.constants)
        return "there is no constant #{name} (did you mean #{near}?)" if near

        variable = ", or ENV.fetch(\"#{name}\")" if name.match?(/\A[A-Z0-9_]+\z/)
        "there is no constant #{name}: the application is not loaded here; write the value itself#{variable}, or " \
        "`require` the file that defines it"
      end
      private_class_method :no_name

      def self.no_key(error, receiver)
        unless receiver.equal?(ENV)
          return "there is no key #{Format.show(error.key)}: correct it, or use fetch with a default"
        end

        "the environment variable #{error.key} is not set: set it, or write ENV.fetch(\"#{error.key}\", \"…\") with " \
        "a default"
      end
      private_class_method :no_key

      def self.wrong_argument(error, text)
        case error.message
        when /\Ano implicit conversion of (\S+) into String/, /\A(\S+) can't be coerced into/
          "#{error.message.lines.first.chomp}: write \"…\#{value}\" to put a value into a String"
        when /\Awrong number of arguments/
          value = text.to_s[/\#\{(method)\}/, 1]
          "`#{value}` is a value of each request, not a variable: in a String write {#{value}}, without \#" if value
        when /\Ainvalid value for (Integer|Float)\(\): (.*)/ then "#{$2} is not a number: write digits alone"
        end
      end
      private_class_method :wrong_argument
    end
  end
end
