# frozen_string_literal: true

module Proxy
  class DSL
    # The paths of a location, to combine with the paths of the locations inside it.
    # @api private
    class Nesting
      # @return [Array<Hash>] paths of inner locations that no pattern of this location matches: it must match them too
      attr_reader :inner

      # The full patterns of a location: its own, joined to those of the locations `around` it; INVALID after a mistake.
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

      # The full path of an inner path, for each of the patterns.
      def continued(text, place)
        # A text that is no path is reported unchanged.
        return [{ "text" => text }] unless text.start_with?("/")

        if @patterns.any? { |pattern| pattern.key?("regexp") }
          return [place.error("#{text.inspect} is inside a location with a Regexp, which stands for the whole path: " \
                              "write a Regexp for the whole path here too")]
        end
        @patterns.map { |pattern| { "text" => "#{Nesting.start(pattern["text"])}#{text}" } }
      end

      # Makes this location match an inner path. A pattern that ends with `/*` already matches everything below it.
      def let_in(value)
        text = value["text"] or return
        below = @patterns.any? do |pattern|
          pattern["text"]&.end_with?("/*") && text.start_with?("#{Nesting.start(pattern["text"])}/")
        end
        @inner |= [value] unless below
      end

      # The prefix of the inner paths.
      def self.start(text)
        text.delete_suffix("/*").chomp("/")
      end
    end
  end
end
