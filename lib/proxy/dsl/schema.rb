# frozen_string_literal: true

require_relative "option"

module Proxy
  class DSL
    # Options by name: the options of a word, or the keys of a Hash that an option takes. A subclass declares them with
    # the class methods. A configuration is checked with them, and `proxy help`, the tables of docs/reference.md and the
    # signatures are made from them.
    # @api private
    class Schema
      class << self
        # Sets the description, one or two sentences, for tables and `proxy help`.
        def prose(text)
          facts[:prose] = Schema.joined(text)
        end

        # Sets further text for docs/reference.md.
        def details(text)
          facts[:details] = text.chomp
        end

        # Adds an example configuration; `proxy help` shows the first one.
        def example(text, title = nil)
          facts[:examples] << [text.lines(chomp: true), title]
        end

        # Declares an option: see {Option}.
        def option(name, type, prose, **facts)
          options << Option.new(name, type, prose, of: self, **facts)
        end

        # Declares options that the engine accepts only together.
        def together(*names)
          facts[:together] << names
        end

        # Adds the options of another schema. `changes` has changed facts by option name.
        def options_of(other, except: [], **changes)
          taken = other.options.reject { |option| except.include?(option.name) }
          options.concat(taken.map { |option| option.with(**changes.fetch(option.name, {})) })
          facts[:together].concat(other.facts[:together])
        end

        # Sets the engine's name, if it differs from the name here.
        def engine(name)
          facts[:engine] = name
        end

        # @return [Symbol] the engine's name
        def engine_name
          facts[:engine] || name[/\w+\z/].gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase.to_sym
        end

        # @return [Array<Option>]
        def options
          facts[:options]
        end

        # Instances are frozen: the declarations are complete.
        def new(...)
          super.freeze
        end

        # The declared facts.
        def facts
          @facts ||= { prose: "", details: nil, examples: [], options: [], together: [] }
        end
      end

      # Names that other systems give to the value that stands first and unnamed here.
      VALUES = %i[path paths pattern patterns url uri name value address addresses count bytes size level format
                  networks network ip].freeze
      private_constant :VALUES

      # A text of several lines as one line.
      def self.joined(text)
        text.gsub(/\s*\n\s*/, " ").strip
      end

      attr_reader :name, :prose, :details, :options

      def initialize(name)
        facts = self.class.facts
        @name = name
        @prose, @details = facts.values_at(:prose, :details)
        @examples = facts[:examples].freeze
        @options = facts[:options].dup.freeze
        @by_name = @options.flat_map { |option| [option.name, *option.aliases].map { |key| [key, option] } }.to_h.freeze
      end

      # The type of the value before the options; nil if there are only options.
      def takes = nil

      # The default as text for tables and `proxy help`; nil if there is none.
      def default = nil

      # Each example as an Array of its lines and its title (or nil).
      attr_reader :examples

      # The first line of the first example, for messages; nil if it is not a complete call.
      def example
        line = examples.first&.first&.first
        line unless line.nil? || line.end_with?(",", " do")
      end

      # All accepted option names, aliases included.
      def names
        @by_name.keys
      end

      # The option with this name or alias; nil if there is none.
      def option(name)
        @by_name[name]
      end

      # The schemas of the Hashes that the options take, at every depth.
      def parts
        options.filter_map { |option| option.type.schema }.flat_map { |part| [part, *part.parts] }.uniq
      end

      # Checks the given options. Returns the valid ones in the engine's form, and whether all were valid.
      def read(given, place)
        sound = true
        result = {}
        given.each do |key, value|
          option = known(key, place)
          next sound = false unless option
          next if option.unset?(value)

          name = option.name.to_s
          next sound = twice(option, place) if result.key?(name)

          read = option.type.read(value, place.within(key))
          read.equal?(INVALID) ? sound = false : result[name] = read
        end
        [result, sound]
      end

      # Whether the engine can check the options that were read. Without a required option that was reported as wrong,
      # it would report that one as missing.
      def enough?(read)
        !read.empty? && options.all? { |option| !option.required? || read.key?(option.name.to_s) }
      end

      # The valid options, without those whose counterpart (see `together`) was reported as wrong.
      def sound_pairs(read, options)
        lost = options.keys.reject { |name| options[name].nil? || read.key?(name.to_s) }
        read.except(*self.class.facts[:together].select { |names| names.intersect?(lost) }.flatten.map(&:to_s))
      end

      private

      def twice(option, place)
        names = [option.name, *option.aliases].map(&:inspect)
        place.error("#{names.join(" and ")} are the same option: write one of them")
        false
      end

      def known(key, place)
        option = @by_name[key] and return option
        known = Foreign.option(key, names, name) || instead_of(key) || value_with_a_name(key) || note(key)
        return place.error("unknown option #{shown(key)}: #{known}", code: :option) && nil if known

        if key.is_a?(String) && @by_name.key?(key.to_sym)
          place.error("option names are Symbols: write #{key}: instead of #{key.inspect} =>", code: :option)
        else
          place.error("unknown option #{shown(key)}#{Spelling.hint(key, names)}#{accepted(key)}", code: :option)
        end
        nil
      end

      # Advice for a particular unknown option; nil for any other. Subclasses override it.
      def instead_of(_key) = nil

      # Advice for an option of another system. An option with a similar spelling has precedence.
      def note(key)
        Foreign.note(key) unless Spelling.nearest(key, names)
      end

      # The accepted options, if no single one is similar: a short list in full, of a long one the nearest.
      def accepted(key)
        return "" if Spelling.nearest(key, names)
        return ": it takes no options, leave it out" if names.empty?
        return ": its only option is #{names.first.inspect}" if names.one?
        return ": its options are #{Format.list(names.map(&:inspect))}" if names.length < 4

        near = Format.list(Spelling.near(key, names).map(&:inspect))
        ": the nearest are #{near}; `proxy help #{name}` explains them all"
      end

      # `location path: "/api/*"`
      def value_with_a_name(key)
        return unless takes && VALUES.include?(key) && Spelling.nearest(key, names) != key

        value = takes.hint[/(?:such as )?("[^"]*"|\d[\d_.]*)/, 1] || "…"
        "its value comes first and has no name: write #{name} #{value}"
      end

      def shown(key)
        key.is_a?(Symbol) || key.is_a?(String) ? key.inspect : Format.show(key)
      end
    end
  end
end
