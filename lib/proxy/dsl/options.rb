# frozen_string_literal: true

require_relative "types"

module Proxy
  class DSL
    # Every directive and every option: its name, what it may be, its default and what it means. Checks, messages and the tables
    # of docs/reference.md come from here. Defaults are prose: the engine's own configuration holds the values, and a spec proves that
    # both agree.
    # @api private
    module Options
      # One option of a directive. A default in backticks is the engine's; one without is prose for "not set".
      class Option
        # The default of an option that must be written.
        REQUIRED = "required"

        attr_reader :name, :type, :default, :prose, :aliases

        # `unset: true`: nil is the same as leaving the option out.
        def initialize(name, type, default:, prose:, aliases: [], unset: false)
          @name = name
          @type = type
          @default = default
          @prose = prose
          @aliases = aliases.freeze
          @unset = unset
          freeze
        end

        def unset?(value)
          value.nil? && @unset
        end

        def required?
          default == REQUIRED
        end
      end

      # A word of the language: what it takes (`nil` for options alone) and its options.
      class Directive
        # Those of which `ssl:` means the backend, and not `verify_ssl`.
        OF_BACKENDS = %i[proxy upstream backend].freeze
        # What is called so elsewhere, and is written first here.
        VALUES = %i[path paths pattern patterns url uri name value address addresses count bytes size level format networks network ip].freeze
        private_constant :OF_BACKENDS, :VALUES

        attr_reader :name, :section, :takes, :default, :prose, :options

        def initialize(name, section, takes: nil, default: nil, prose: "", options: [])
          @name = name
          @section = section
          @takes = takes
          @default = default
          @prose = prose
          @options = options.freeze
          @by_name = options.flat_map { |option| [option.name, *option.aliases].map { |key| [key, option] } }.to_h.freeze
          freeze
        end

        # Every name that may be written, aliases included.
        def names
          @by_name.keys
        end

        # The option of this name, or of this other name.
        def option(name)
          @by_name[name]
        end

        # Checks what was given. Returns the sound options as the engine takes them, and whether all were sound.
        def read(given, place)
          sound = true
          result = {}
          given.each do |key, value|
            option = known(key, place)
            next sound = false unless option
            next if option.unset?(value)

            name = option.name.to_s
            if result.key?(name)
              place.error("#{[option.name, *option.aliases].map(&:inspect).join(" and ")} are the same option: write one of them")
              next sound = false
            end
            read = option.type.read(value, place.within(key))
            read.equal?(INVALID) ? sound = false : result[name] = read
          end
          [result, sound]
        end

        # Whether there is enough of what was read for the engine to check. It would miss what was reported as wrong.
        def enough?(read)
          !read.empty? && options.all? { |option| !option.required? || read.key?(option.name.to_s) }
        end

        private

        def known(key, place)
          option = @by_name[key] and return option
          foreign = Foreign.option(key, names, name) || whole(key) || first(key) || header(key) || (Foreign.note(key) unless Spelling.nearest(key, names) && !OF_BACKENDS.include?(@name))
          return place.error("unknown option #{shown(key)}: #{foreign}", code: :option) && nil if foreign

          if key.is_a?(String) && @by_name.key?(key.to_sym)
            place.error("option names are Symbols: write #{key}: instead of #{key.inspect} =>", code: :option)
          else
            place.error("unknown option #{shown(key)}#{Spelling.hint(key, names)}#{accepted(key)}", code: :option)
          end
          nil
        end

        # Where no single one comes near, a short list is told whole, and of a long one the nearest.
        def accepted(key)
          return "" if Spelling.nearest(key, names)
          return ": it takes no options, leave it out" if names.empty?
          return ": its only option is #{names.first.inspect}" if names.one?
          return ": its options are #{Spelling.list(names.map(&:inspect))}" if names.length < 4

          near = Spelling.list(Spelling.near(key, names).map(&:inspect))
          ": the nearest are #{near}; `proxy help #{name}` explains them all"
        end

        # `location path: "/api/*"`
        def first(key)
          return unless takes && VALUES.include?(key) && Spelling.nearest(key, names) != key

          "its value comes first and has no name: write #{name} #{takes.hint[/(?:such as )?("[^"]*"|\d[\d_.]*)/, 1] || "…"}"
        end

        # `error_response: { 502 => "502.html" }`
        def whole(key)
          "one response is used for all failures: write { status: #{key}, html: { file: \"public/#{key}.html\" } }" if key.is_a?(Integer) && name == :error_response
        end

        # `request_headers "X-Name" => "value"`
        def header(key)
          return unless key.is_a?(String) && !@by_name.key?(key.to_sym)
          return "write additions: { #{key.inspect} => \"…\" }" if @by_name.key?(:additions)

          "write location #{key.inspect} do redirect to: \"…\" end" if name == :redirect && key.start_with?("/")
        end

        def shown(key)
          key.is_a?(Symbol) || key.is_a?(String) ? key.inspect : Spelling.show(key)
        end
      end

      # Shorthand for the tables.
      # @api private
      def self.option(...)
        Option.new(...)
      end
      private_class_method :option
    end
  end
end

require_relative "options/server"
require_relative "options/upstreams"
require_relative "options/handlers"
require_relative "options/auth"
require_relative "options/routing"
require_relative "options/traffic"
require_relative "options/filters"

module Proxy
  class DSL
    module Options
      # Every directive, in the order of the documentation.
      ALL = [*SERVER, CERTIFICATE, UPSTREAM, PROXY, STATIC_RESPONSE, REDIRECT, LOCATION, HOST, INCLUDE, *FILTERS,
             ERROR_RESPONSE, POOL, BACKEND, HEALTH_CHECK].freeze
      BY_NAME = ALL.to_h { |directive| [directive.name, directive] }.freeze
      # Hashes that options take, and what directives share. They are described like directives.
      PARTS = %i[certificate error_response pool backend health_check].freeze
      # Words of a later version.
      LATER = %i[compress cache etag static_files run].freeze
      # The words that a person writes.
      WORDS = (BY_NAME.keys - PARTS).freeze
    end
  end
end
