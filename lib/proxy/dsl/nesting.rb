# frozen_string_literal: true

module Proxy
  class DSL
    # The paths of a location, as those inside of it see them.
    # @api private
    class Nesting
      # @return [Array<Hash>] paths inside that none of its own takes, and that it has to let in
      attr_reader :inner

      # The whole patterns of a location inside of the ones `around` it, or INVALID.
      def self.whole(values, around, place)
        values = values.map { |value| value["text"] == "*" ? { "text" => "/*" } : value }
        return values if around.empty?

        whole = values.flat_map { |value| value.key?("text") ? around.last.continued(value["text"], place) : [value] }
        return INVALID if whole.include?(INVALID)

        whole.each { |value| around.each { |nesting| nesting.let_in(value) } }
      end

      def initialize(patterns)
        @patterns = patterns
        @inner = []
      end

      # What a path inside is as a whole, for each of the patterns.
      def continued(text, place)
        # What is no path is told of as it stands.
        return [{ "text" => text }] unless text.start_with?("/")

        if @patterns.any? { |pattern| pattern.key?("regexp") }
          return [place.error("#{text.inspect} is inside a location with a Regexp, which stands for the whole path: " \
                              "write a Regexp for the whole path here too")]
        end
        @patterns.map { |pattern| { "text" => "#{Nesting.start(pattern["text"])}#{text}" } }
      end

      # Lets a path in that stands inside. What is below a `/*` comes in by itself.
      def let_in(value)
        text = value["text"] or return
        below = @patterns.any? do |pattern|
          pattern["text"]&.end_with?("/*") && text.start_with?("#{Nesting.start(pattern["text"])}/")
        end
        @inner |= [value] unless below
      end

      # Where the paths inside begin.
      def self.start(text)
        text.delete_suffix("/*").chomp("/")
      end
    end
  end
end
