# frozen_string_literal: true

require_relative "tracing/endpoint"
require_relative "tracing/environment"

module Proxy
  class DSL
    module Words
      # Records traces of requests and sends them to a collector.
      class Tracing < Word::Setting
        prose <<~TEXT
          Records what happens to requests as spans, sends them to an OpenTelemetry collector (OTLP over HTTP), and tells
          backends of the trace by `traceparent`.
        TEXT
        details <<~TEXT
          What is not written is taken from the environment variables of OpenTelemetry: `OTEL_EXPORTER_OTLP_ENDPOINT`,
          `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_CERTIFICATE`, `OTEL_SERVICE_NAME`,
          `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`. [Traces](traces.md) has the
          whole story.
        TEXT
        example <<~RUBY
          tracing to: "http://127.0.0.1:4318", ratio: 0.1, service: "shop"
          tracing to: "https://otlp.example.com", headers: { "Authorization" => ENV.fetch("OTLP_TOKEN") }
        RUBY

        # Names, each with a text: the attributes of the resource.
        class Attributes < Types::Text
          def signature = "Hash[String | Symbol, String]"

          def read(value, place)
            pairs(value, place)
          end

          private

          def pair(name, text, place)
            all_sound([name.is_a?(Symbol) ? name.to_s : name, text].map do |one|
              one.is_a?(String) ? utf8(one, place) : wrong(one, place)
            end)
          end
        end

        # Names of formats: one, or an Array.
        class Formats < Types::Name
          def signature = "String | Symbol | Array[String | Symbol]"

          def read(value, place)
            all_sound((value.is_a?(Array) ? value : [value]).map { |name| super(name, place) })
          end
        end

        RATIO = Types::Number.new("0 to 1", "a part from 0 to 1, such as 0.1", what: "part")
        SERVICE = Types::Text.new("String", 'a name, such as "shop"')
        HEADERS = Types::Secrets.new("Hash", 'a Hash, such as { "Authorization" => ENV.fetch("OTLP_TOKEN") }')
        ATTRIBUTES = Attributes.new("Hash", 'a Hash of Strings, such as { "deployment.environment.name" => "staging" }')
        TRUST = Types::Name.new("name", %w[all trusted_proxies], others: { "trusted" => "trusted_proxies" })
        READ = Formats.new("name, Array", %w[b3 xray], others: { "x-ray" => "xray", "b3multi" => "b3" })

        option :to, Endpoint::TYPE, <<~TEXT
          The collector: its URL for OTLP over HTTP, usually at port 4318. `/v1/traces` is added where it is missing.
        TEXT
        option :ratio, RATIO, <<~TEXT
          The part of the traces that is recorded, from 0 to 1, of those of which no client says whether to record them.
        TEXT
        option :service, SERVICE, "The name that the collector shows for this proxy."
        option :headers, HEADERS, <<~TEXT, default: "none"
          Headers of the requests to the collector, such as credentials. They are never shown.
        TEXT
        option :trust, TRUST, <<~TEXT
          Whose word on recording counts: that of `all` clients, or of `trusted_proxies` alone. The traces of others are
          then begun anew, with a link to theirs.
        TEXT
        option :read, READ, <<~TEXT, default: "none"
          Headers beside `traceparent` that name the trace of a request: `b3` (with `X-B3-…`), `xray`
          (`X-Amzn-Trace-Id`).
        TEXT
        option :ca_file, Types::PEM_FILE, <<~TEXT, default: "those of the system", unset: true
          PEM file of the authorities that sign the collector's certificate.
        TEXT
        option :attributes, ATTRIBUTES, "Attributes of this proxy, such as the environment it runs in.", default: "none"

        default "off"

        # The type of the word's method, in RBS.
        def signature
          "(#{options.flat_map(&:keywords).join(", ")}) -> nil"
        end

        private

        def run(call)
          place = call.place
          return unless call.draft.top_level?(place)

          place.no_block if call.block
          # The value may hold a secret.
          return place.error("takes options only: write tracing to: \"http://…\"") unless call.arguments.empty?

          given, = read(call.options, place)
          found = Environment.new(place, options.reject { |option| call.options.key?(option.name) }).read
          call.draft.set(name, { **found, **given, "at" => place.at }, place)
        end
      end
    end
  end
end
