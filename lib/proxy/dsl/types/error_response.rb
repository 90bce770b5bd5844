# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # A body: a String, `{ inline: … }` or `{ file: "…" }`.
      class Content < Text
        KEYS = %i[inline file].freeze
        private_constant :KEYS

        def signature = "String | Hash[Symbol, untyped]"

        def read(value, place)
          case value
          when String then tagged("inline", utf8(value, place))
          when Hash then from_hash(value, place)
          else wrong(value, place)
          end
        end

        private

        def from_hash(value, place)
          known = value.length == 1 && KEYS.include?(value.keys.first)
          return place.error("#{Format.show(value)} is unknown: write #{hint}") unless known
          return tagged("file", INPUT_FILE.read(value[:file], place)) if value.key?(:file)

          tagged("inline", inline(value[:inline], place))
        end

        def inline(value, place)
          return utf8(value, place) if value.is_a?(String)

          place.error("the inline value #{Format.show(value)} is #{Format.kind(value)}: write #{hint}")
        end
      end

      # A body whose inline value may be a Hash or an Array that becomes JSON.
      class JSONContent < Content
        private

        def inline(value, place)
          return super unless value.is_a?(Hash) || value.is_a?(Array)

          JSON.generate(value)
        rescue JSON::GeneratorError, EncodingError => error
          place.error("#{Format.show(value)} cannot be written as JSON (#{error.message}): write #{hint}")
        end
      end

      CONTENT = Content.new("String, Hash", 'a String, { inline: "…" } or { file: "public/503.html" }')
      JSON_CONTENT = JSONContent.new(
        "String, Hash", 'a String, { inline: { message: "Down" } } or { file: "public/503.json" }'
      )

      # The name of a built-in error response, or a Hash that describes a custom one.
      class ErrorResponse < Name
        NAMES = {
          "bad_request" => 400, "unauthorized" => 401, "forbidden" => 403, "not_found" => 404,
          "payload_too_large" => 413, "too_many_requests" => 429, "internal_server_error" => 500, "bad_gateway" => 502,
          "service_unavailable" => 503, "gateway_timeout" => 504
        }.freeze

        # Keys of the Hash for a custom error response.
        class Options < Schema
          engine :error_response
          prose "The Hash that `error_response:` takes."

          option :status, CODE, "Status code.", default: "500", aliases: [:code]
          option :plaintext, CONTENT, 'Body for `text/plain`: a String, `{ inline: "…" }` or `{ file: "…" }`.',
                 default: "none", unset: true
          option :json, JSON_CONTENT, "Body for `application/json`; a Hash as `inline` is written as JSON.",
                 default: "none", unset: true
          option :html, CONTENT, "Body for `text/html`.", default: "none", unset: true
          option :default, Name.new("name", %w[plaintext json html]),
                 "`plaintext`, `json` or `html`: what is sent when the request's `Accept` matches none.",
                 default: "the first there is", aliases: [:default_format], unset: true
          option :headers, PAIRS, "Headers added to the response."

          private

          # `error_response: { 502 => "502.html" }`
          def instead_of(key)
            return unless key.is_a?(Integer)

            "one response is used for all failures: write { status: #{key}, html: { file: \"public/#{key}.html\" } }"
          end
        end

        OPTIONS = Options.new(:error_response)
        private_constant :OPTIONS

        def initialize
          super("name, Hash", NAMES.keys)
        end

        def signature = "String | Symbol | Hash[Symbol, untyped]"

        def schema = OPTIONS

        # @return [String]
        def hint
          "#{super}, or a Hash such as { status: 503, plaintext: \"Down for maintenance\" }"
        end

        def read(value, place)
          return read_custom(value, place) if value.is_a?(Hash)

          meant = NAMES.key(value.to_s.to_i)
          if meant && value.to_s.match?(/\A\d+\z/)
            return place.error("#{value.inspect} is #{Format.kind(value)}: write #{meant.to_sym.inspect}")
          end

          if file?(value)
            shown = Format.show(value)
            return place.error("#{shown} is a file: write { status: 502, html: { file: #{shown} } }")
          end

          tagged("named", super)
        end

        private

        def file?(value)
          value.is_a?(String) && value.match?(/\A[\w.\/-]+\.\w+\z/)
        end

        def read_custom(value, place)
          options, sound = OPTIONS.read(value, place)
          sound ? { "custom" => options } : INVALID
        end
      end

      ERROR_RESPONSE = ErrorResponse.new
    end
  end
end
