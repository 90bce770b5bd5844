# frozen_string_literal: true

require_relative "option"

module Proxy
  class DSL
    # Options by name: those of a word, or the keys of a Hash that an option takes. A subclass writes them down with the
    # methods of the class. A configuration is checked with them, and `proxy help`, the tables of docs/reference.md and
    # the signatures are made from them.
    # @api private
    class Schema
      class << self
        # What it is for, in a sentence or two, for tables and `proxy help`.
        def prose(text)
          facts[:prose] = Schema.joined(text)
        end

        # What the page of the language says beyond that.
        def details(text)
          facts[:details] = text.chomp
        end

        # A piece of a configuration that shows it; `proxy help` shows the first.
        def example(text, title = nil)
          facts[:examples] << [text.lines(chomp: true), title]
        end

        # One option: see {Option}.
        def option(name, type, prose, **facts)
          options << Option.new(name, type, prose, of: self, **facts)
        end

        # Options that the engine takes together or not at all.
        def together(*names)
          facts[:together] << names
        end

        # The options of another one, too. `changes` are facts by name, for those options of which they are others here.
        def options_of(other, except: [], **changes)
          taken = other.options.reject { |option| except.include?(option.name) }
          options.concat(taken.map { |option| option.with(**changes.fetch(option.name, {})) })
          facts[:together].concat(other.facts[:together])
        end

        # What the engine calls it where that is not its name here.
        def engine(name)
          facts[:engine] = name
        end

        # @return [Symbol] what the engine calls it
        def engine_name
          facts[:engine] || name[/\w+\z/].gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase.to_sym
        end

        # @return [Array<Option>]
        def options
          facts[:options]
        end

        # What was written down does not change any more.
        def new(...)
          super.freeze
        end

        # What was written down.
        def facts
          @facts ||= { prose: "", details: nil, examples: [], options: [], together: [] }
        end
      end

      # What is written first, and has a name elsewhere.
      VALUES = %i[path paths pattern patterns url uri name value address addresses count bytes size level format
                  networks network ip].freeze
      private_constant :VALUES

      # The lines of a text in one.
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

      # What is written before the options; nil for options alone.
      def takes = nil

      # The default as tables and `proxy help` show it; nil where there is none.
      def default = nil

      # The lines of each example, with its title or nil.
      attr_reader :examples

      # The first line of the first example, as a message shows it; nil if that is not the whole of a call.
      def example
        line = examples.first&.first&.first
        line unless line.nil? || line.end_with?(",", " do")
      end

      # Every name that may be written, aliases included.
      def names
        @by_name.keys
      end

      # The option of this name, or of this other name.
      def option(name)
        @by_name[name]
      end

      # The Hashes that its options take, and those that their options take.
      def parts
        options.filter_map { |option| option.type.schema }.flat_map { |part| [part, *part.parts] }.uniq
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
          next sound = twice(option, place) if result.key?(name)

          read = option.type.read(value, place.within(key))
          read.equal?(INVALID) ? sound = false : result[name] = read
        end
        [result, sound]
      end

      # Whether there is enough of what was read for the engine to check. It would miss what was reported as wrong.
      def enough?(read)
        !read.empty? && options.all? { |option| !option.required? || read.key?(option.name.to_s) }
      end

      # The sound options, without those that make no sense alone since their other half was reported as wrong.
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

      # What to do about an option that is none, where one knows more than the spelling; nil for anything else.
      def instead_of(_key) = nil

      # What to do about a word of another system. An option that is spelt nearly like it is rather meant.
      def note(key)
        Foreign.note(key) unless Spelling.nearest(key, names)
      end

      # Where no single one comes near, a short list is told whole, and of a long one the nearest.
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
