# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      class Tracing < Word::Setting
        # The options of `tracing` that environment variables set, as OpenTelemetry names and reads them. A variable for
        # traces alone comes before the one for all signals; an empty one counts as not set.
        class Environment
          VARIABLES = {
            "to" => %w[OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_EXPORTER_OTLP_ENDPOINT],
            "headers" => %w[OTEL_EXPORTER_OTLP_TRACES_HEADERS OTEL_EXPORTER_OTLP_HEADERS],
            "ca_file" => %w[OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE OTEL_EXPORTER_OTLP_CERTIFICATE],
            "service" => %w[OTEL_SERVICE_NAME],
            "attributes" => %w[OTEL_RESOURCE_ATTRIBUTES],
            "ratio" => %w[OTEL_TRACES_SAMPLER]
          }.freeze
          SAMPLERS = { "always_on" => 1.0, "always_off" => 0.0, "traceidratio" => nil }.freeze
          ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"
          private_constant :VARIABLES, :SAMPLERS, :ARGUMENT

          # `options` are those that are not written.
          def initialize(place, options)
            @place = place
            @types = options.to_h { |option| [option.name.to_s, option.type] }
          end

          # The options that are set and valid. Mistakes are reported with the name of the variable.
          def read
            found = VARIABLES.slice(*@types.keys).filter_map do |option, names|
              name = names.find { |one| !ENV[one].to_s.empty? } or next
              [option, value(option, name, Types.utf8(ENV.fetch(name)))]
            end
            with_service(found.reject { |_, value| value.equal?(INVALID) }.to_h)
          end

          private

          def value(option, name, text)
            place = @place.within(name)
            return place.error("this is not valid UTF-8: write text") unless text

            case option
            when "ratio" then ratio(text, place)
            when "to" then endpoint(name, text, place)
            when "headers", "attributes" then @types.fetch(option).read(pairs(text), place)
            else @types.fetch(option).read(text, place)
            end
          end

          # The variable for traces alone has the whole URL.
          def endpoint(name, text, place)
            read = @types.fetch("to").read(text, place)
            read.equal?(INVALID) || !name.include?("TRACES") ? read : text
          end

          # `key=value,key=value`, percent-encoded as in the field `Baggage`.
          def pairs(text)
            text.split(",").filter_map do |pair|
              key, value = pair.split("=", 2).map { |part| decoded(part.strip) }
              [key, value || ""] unless key.to_s.empty?
            end.to_h
          end

          def decoded(text)
            text.b.gsub(/%\h\h/) { |escape| escape.delete("%").hex.chr }.force_encoding(Encoding::UTF_8)
          end

          # A sampler and its argument. All samplers heed what a client says, as those that begin with `parentbased_`.
          def ratio(text, place)
            sampler = text.strip.delete_prefix("parentbased_")
            unless SAMPLERS.key?(sampler)
              return place.error("#{text.inspect} is unknown: write #{SAMPLERS.keys.join(", ")}, or ratio:")
            end

            SAMPLERS[sampler] || argument(@place.within(ARGUMENT))
          end

          def argument(place)
            text = ENV[ARGUMENT].to_s
            return 1.0 if text.empty?

            number = Float(text, exception: false)
            return number if number&.between?(0, 1)

            place.error("#{text.inspect} is no part of a whole: write a number from 0 to 1, such as 0.1")
          end

          # The attribute that is the name of the service; the variable for it comes first.
          def with_service(found)
            attributes = found.fetch("attributes", [])
            name = attributes.find { |key, _| key == "service.name" }&.last
            name && @types.key?("service") ? { "service" => name, **found } : found
          end
        end
      end
    end
  end
end
