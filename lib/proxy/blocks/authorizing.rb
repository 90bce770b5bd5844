# frozen_string_literal: true

require_relative "failure"
require_relative "request"

module Proxy
  class Blocks
    # A block of `authorize`, as the engine calls it.
    # @api private
    class Authorizing
      # Parts of a request that a placeholder stands for, where the names differ.
      PLACEHOLDERS = { "auth_user" => [:user], "path_and_query" => %i[path query] }.freeze
      # Things that a block reads and the key lacks, of which a warning tells at most.
      MOST_TOLD = 20
      private_constant :PLACEHOLDERS, :MOST_TOLD

      # `key` is the option in the engine's form.
      def initialize(block, key)
        @block = block
        @key = key
        @covered = key.flat_map { |part| covered(*part.first) }
        @told = []
      end

      # What the block says of the packed request, in the engine's form.
      def call(text, call)
        answer(@block.call(Request.new(text) { |kind, name| watch(kind, name, call) }))
      end

      private

      def answer(value)
        case value
        when nil, false then false
        when Integer then { "status" => value }
        when Symbol then { "error" => value.to_s }
        when Hash then { "fields" => value.flat_map { |name, given| fields(name.to_s, given) } }
        else true
        end
      end

      # A field that is nil is only removed.
      def fields(name, value)
        values = value.is_a?(Array) ? value : [value]
        values = [nil] if values.empty?
        values.map { |one| [name, one.nil? ? nil : text(name, one)] }
      end

      def text(name, value)
        text = value.to_s
        text = text.encode(Encoding::UTF_8) unless text.encoding == Encoding::BINARY
        text = text.dup.force_encoding(Encoding::UTF_8)
        raise EncodingError unless text.valid_encoding?

        text
      rescue EncodingError
        raise WrongAnswer, "answered with a field: the value of #{name.inspect} is not valid UTF-8: answer with text"
      end

      # What a part of the key holds of a request: kinds, or kinds with a name.
      def covered(kind, text)
        case kind
        when "header" then header(text)
        when "cookie" then [[:cookies, text]]
        else text.scan(/\{([^{}|]+)/).flatten.flat_map { |name| placeholder(name) }
        end
      end

      def header(name)
        { "cookie" => [:cookies, [:headers, "cookie"]], "host" => [:host, [:headers, "host"]] }
          .fetch(name.downcase) { [[:headers, name.downcase]] }
      end

      def placeholder(name)
        return [[:cookies, name.delete_prefix("cookie.")]] if name.start_with?("cookie.")

        kinds = PLACEHOLDERS.fetch(name) { [name.to_sym] }
        kinds += [:captures] if kinds.include?(:path)
        # `{host}` is not the header, which may have a port.
        [*kinds, [:captures, name], *(header(name) unless kinds == [:host])]
      end

      # Warns once of each thing that the block reads and the key does not hold.
      def watch(kind, name, call)
        thing = [kind, kind == :headers ? name.downcase : name].compact
        return if @covered.include?(kind) || @covered.include?(thing) || @told.include?(thing)
        return if @told.length >= MOST_TOLD

        @told << thing
        shown = name ? "#{kind}[#{name.inspect}]" : kind
        call.warn("the block reads request.#{shown}, which is not in its key, and requests with one key share its " \
                  "answer: write key: [#{[*@key.map { |part| written(part) }, part_for(kind, name)].join(", ")}]")
      end

      def written(part)
        kind, text = part.first
        kind == "rewrite" ? text.inspect : "{ #{kind}: #{text.inspect} }"
      end

      def part_for(kind, name)
        case kind
        when :headers then "{ header: #{name.inspect} }"
        when :cookies then "{ cookie: #{name.inspect} }"
        when :captures then "{#{name}}".inspect
        when :user then '"{auth_user}"'
        else "{#{kind}}".inspect
        end
      end
    end
  end
end
