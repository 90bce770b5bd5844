# frozen_string_literal: true

require_relative "draft"
require_relative "place_of_use"

module Proxy
  module Rack
    # Reads the options and the block of a middleware as a configuration.
    # @api private
    module Configuration
      # Options that are words of their own in a block.
      WORDS = %i[threads trusted_proxies].freeze
      HIJACK = [:auto, false, :require].freeze
      private_constant :WORDS, :HIJACK

      # A configuration without a file of its own.
      class Source < Config::Source
        def initialize(draft, block)
          super(nil, Config.working_directory, block, nil)
          @draft = draft
        end

        # What no handler answers is the application's, so that a location without one is no mistake. Its filters would
        # never run.
        def told(problems)
          problems.filter_map do |problem|
            next problem unless problem.code == :unanswered
            next unless filters_at?(problem, @draft.to_h.fetch("routes"))

            Problem.new(file: problem.file, line: problem.line, directive: problem.directive, severity: :warning,
                        message: "its filters never run, since no handler in it answers and its requests go to the " \
                                 "application: write a handler into it, or leave its filters out")
          end
        end

        private

        def filters_at?(problem, routes)
          routes.any? do |route|
            location = route["location"] or next
            inside = location.fetch("routes")
            here = location["at"] == { "file" => problem.file, "line" => problem.line }
            (here && inside.any? { |one| one.key?("filter") }) || filters_at?(problem, inside)
          end
        end
      end

      # Reads both into one configuration.
      def self.read(options, hijack, block)
        options = options.dup
        place = PlaceOfUse.find(options.keys)
        draft = Draft.new(place.first || "config.ru", Config.working_directory, place)
        words = WORDS.filter_map { |word| [word, options.delete(word)] if options.key?(word) }
        draft.at_use do
          check_hijack(draft, hijack)
          draft.evaluate("") { |dsl| use(dsl, draft, words, options, block) }
        end
        draft.evaluate_block(block) if block
        Config.new(draft, Source.new(draft, block))
      end

      def self.check_hijack(draft, hijack)
        return if HIJACK.include?(hijack)

        draft.place(:hijack).within(:hijack)
             .error("#{DSL::Format.show(hijack)} is unknown: write :auto, false or :require")
      end
      private_class_method :check_hijack

      def self.use(dsl, draft, words, options, block)
        words.each { |word, value| dsl.public_send(word, *value) }
        misplaced = (options.keys & Draft::ELSEWHERE.keys) - DSL::Words.schema(:proxy).names
        misplaced.each { |name| draft.elsewhere(name, draft.place(name).at) }
        options = options.except(*misplaced)
        return dsl.proxy(**options) if options.any? && block.nil?
        return if misplaced.any? && options.empty?
        return if block && options.empty?

        draft.place(:proxy).error(
          if block
            "#{options.keys.join(", ")}: with a block, write these options in it, behind the word proxy"
          else
            'proxies nothing: write path_prefix: "/api", backends: ["http://127.0.0.1:3001"], or a block'
          end
        )
      end
      private_class_method :use
    end
  end
end
