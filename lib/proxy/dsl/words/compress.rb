# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Compresses the bodies of responses.
      class Compress < Word::Filter
        prose "Compresses responses on their way to clients that accept that. The innermost `compress` decides."
        details <<~TEXT
          The head of a response decides: its content type and its length. Events, calls of gRPC, parts of files and
          what is compressed already stay as they are: see [compression](compression.md).
        TEXT
        example <<~RUBY
          compress
          compress types: ["text/*", "application/json"], level: { zstd: 6, br: 5 }, strip_accept_encoding: true
        RUBY

        # Levels of compression.
        class Levels < Schema
          engine :compression_levels
          prose "The Hash that `level:` of `compress` takes."

          option :zstd, Types::Count.new("Integer", "a whole number from 1 to 19"), "From 1 to 19."
          option :br, Types::Count.new("Integer", "a whole number from 0 to 11"), "From 0 to 11."
          option :gzip, Types::Count.new("Integer", "a whole number from 1 to 9"), "From 1 to 9."
        end

        # Names of codings, in order.
        class Codings < Types::Name
          def signature = "String | Symbol | Array[String | Symbol]"

          def read(value, place)
            all_sound((value.is_a?(Array) ? value : [value]).map { |name| super(name, place) })
          end
        end

        # A measure against BREACH, or `false`.
        class Measure < Types::Name
          def signature = "String | Symbol | false"

          def hint = "#{super}, or false"

          def read(value, place) = value == false ? "none" : super
        end

        CODINGS = Codings.new("Array", %w[zstd br gzip],
                              others: { "brotli" => "br", "zstandard" => "zstd", "deflate" => "gzip" })
        TYPES = Types::Texts.new("Array", 'an Array of content types, such as ["text/*", "application/json"]')
        LEVELS = Types::Part.new("Hash", "a Hash, such as { zstd: 6, br: 5 }", Levels.new(:compression_levels))
        MEASURE = Measure.new("name, false", %w[jitter guard])

        option :encodings, CODINGS, <<~TEXT, default: "zstd, br, gzip", unset: true
          The codings that are offered. A client that likes several equally gets the first of them.
        TEXT
        option :types, TYPES, <<~TEXT, default: "types of text, and others that compress well", unset: true
          Content types that are compressed. One `*` stands for any text: `"application/*+json"`.
        TEXT
        option :min_size, Types::BYTES, "The shortest body that is compressed. One of unknown length always is."
        option :level, LEVELS, "How hard each coding tries.", default: "see below"
        option :breach, MEASURE, <<~TEXT
          What is done against attacks that guess secrets by the length of responses (BREACH): `jitter` adds up to 32
          bytes that mean nothing, `guard` leaves responses to known users as they are; `false`: nothing.
        TEXT
        option :strip_accept_encoding, Types::SWITCH, <<~TEXT
          Whether backends do not see `Accept-Encoding`, so that they leave the compression to the proxy.
        TEXT
      end
    end
  end
end
