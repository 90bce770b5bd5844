# frozen_string_literal: true

module Proxy
  module CLI
    class Help < Command
      # Help for a word of the configuration: a directive, an option, or a word of another system. It comes from the
      # tables that the configuration is checked with.
      # @api private
      class Word
        WIDTH = 78
        private_constant :WIDTH

        # The help text for `name`; nil if it is unknown.
        def self.text(name)
          exactly(name) || exactly(name.to_s.downcase)
        end

        def self.exactly(name)
          word = name.to_s.delete_prefix(":").delete_suffix(":").tr("-", "_").to_sym
          schema = DSL::Words.schema(word)
          return new.option(word) || new.elsewhere(word) unless schema

          [(new.option(word) unless DSL::Words::LIST.include?(word)), new.schema(schema)].compact.join("\n\n")
        end

        private_class_method :exactly

        # Words with a similar spelling, the nearest first; empty if none is similar.
        def self.nearest(name)
          names = DSL::Words.names.uniq.map(&:to_s)
          folded = name.to_s.downcase.tr("-", "_")
          found = DidYouMean::SpellChecker.new(dictionary: names).correct(folded)
          found = names.select { |word| word.include?(folded) } if found.empty? && folded.length > 2
          found.first(3)
        end

        # Text for a word, or for a Hash that an option takes, with its options.
        def schema(schema)
          example, = schema.examples.first
          parts = [wrapped("#{schema.name}: #{plain(schema.prose)}")]
          parts << "Takes #{schema.takes.hint}." if schema.takes
          parts << "Default: #{plain(schema.default)}." if schema.default
          parts << "Example:\n#{indented(example)}" if example
          parts << "Options:\n#{schema.options.map { |option| one(option) }.join("\n")}" unless schema.options.empty?
          parts.join("\n\n")
        end

        # Text for an option, once for each word that has it; nil if none has.
        def option(name)
          owners = DSL::Words::SCHEMAS.select { |schema| schema.option(name) }
          return if owners.empty?

          owners.group_by { |owner| one(owner.option(name)) }.map do |text, same|
            "#{wrapped("#{name}: an option of #{DSL::Format.list(same.map { |owner| owner.name.to_s })}")}\n\n#{text}"
          end.join("\n\n")
        end

        # Text for a word of nginx, Caddy, HAProxy, Puma, Traefik or Kamal; nil for any other.
        def elsewhere(name)
          options = DSL::Words::SCHEMAS.flat_map(&:names)
          answer = DSL::Foreign.word(name) || DSL::Foreign.option(name, options) || DSL::Foreign.note(name)
          wrapped("#{name} is a word of another system. #{self.class.sentence(answer)}.") if answer
        end

        # The answer as a sentence of its own.
        def self.sentence(answer)
          answer.start_with?("write ") ? "Here: #{answer}" : "#{answer[0].upcase}#{answer[1..]}"
        end

        private

        def one(option)
          names = [option.name, *option.aliases].map { |name| "#{name}:" }.join(" or ")
          default = option.required? ? "Must be written." : "Default: #{plain(option.default)}."
          facts = [plain(option.prose), "Takes #{option.type.hint}.", default]
          "  #{names}\n#{wrapped(facts.join(" "), 6)}"
        end

        def plain(prose)
          prose.sub(/, see below(?=\.)/, "").gsub(/`([^`]*)`/, '\1')
        end

        def wrapped(text, indent = 0)
          text.gsub(/(.{1,#{WIDTH - indent}})(?:\s+|\z)/) { "#{" " * indent}#{$1}\n" }.chomp
        end

        def indented(lines)
          lines.map { |line| "  #{line}".rstrip }.join("\n")
        end
      end
    end
  end
end
