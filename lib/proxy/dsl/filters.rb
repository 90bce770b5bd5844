# frozen_string_literal: true

module Proxy
  class DSL
    # What stands between a request and its handler: a filter lets a request pass, changed or not, or answers it. The filters of a
    # location and of what is around it run in the order in which they are written, outer ones first; that they stand before or behind
    # a handler or an inner location makes no difference. A response passes them in the opposite order.
    module Filters
      # Adds fields to the request and removes fields from it, before a handler sees it. Removals come first.
      #
      # @param additions [Hash] fields to add: a String is a string rewrite, an Array is several
      # @param removals [Array<String>] names of fields
      # @example
      #   request_headers additions: { "X-Client" => ["{addr}"] }, removals: ["Cookie"]
      def request_headers(*values, **options, &block)
        filter(:request_headers, values, options, &block)
      end

      # Adds fields to the response and removes fields from it, whoever made it. Removals come first.
      #
      # @param additions [Hash] fields to add: a String is a string rewrite, an Array is several
      # @param removals [Array<String>] names of fields
      # @example
      #   response_headers additions: { "Strict-Transport-Security" => "max-age=63072000" }, removals: ["Server"]
      def response_headers(*values, **options, &block)
        filter(:response_headers, values, options, &block)
      end

      private

      # Reads a directive of this kind. What it takes beside its options is kept under the name `as`; without what is `needed` the engine
      # is not asked.
      def filter(word, values, options, as: nil, needed: [], &block)
        place = @draft.place(word)
        place.no_block if block
        directive = Options::BY_NAME.fetch(word)
        read, = directive.read(options, place)
        if as
          value = directive.takes.read(values, place)
          read[as] = value unless value.equal?(INVALID)
        elsif !values.empty?
          place.error("takes options only, not #{Spelling.show(values.first)}: the options are #{directive.names.map(&:inspect).join(", ")}")
        end
        # The engine would miss what was reported as wrong.
        lost = needed.any? { |name| !options[name].nil? && !read.key?(name.to_s) } || (as.nil? && values.any?)
        @draft.add_route("filter" => { word.to_s => { **read, "at" => place.at } }) unless lost
        nil
      end
    end
  end
end
