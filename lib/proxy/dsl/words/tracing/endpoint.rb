# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      class Tracing < Word::Setting
        # URL of a collector, as the base of the URL for traces. It may hold a secret, so it is not shown.
        class Endpoint < Types::Text
          include Types::Hidden

          # Port of OTLP over gRPC.
          GRPC = /:4317(?:\z|[\/?])/
          # Where a collector takes spans.
          PATH = "/v1/traces"
          private_constant :GRPC, :PATH

          def read(value, place)
            url = super
            return url if url.equal?(INVALID)
            return place.error("grpc is not spoken: write the HTTP endpoint, port 4318") if grpc?(url)
            return place.error("it has no http:// or https:// in front: write #{hint}") unless url.match?(%r{\Ahttps?://}i)

            whole(url)
          end

          private

          def grpc?(url)
            url.match?(/\Agrpcs?:/i) || url.match?(GRPC)
          end

          # The URL with the path for traces.
          def whole(url)
            base, query = url.split("?", 2)
            base = base.delete_suffix("/")
            base += PATH unless base.end_with?(PATH)
            [base, query].compact.join("?")
          end

          TYPE = new("String", 'the URL of a collector, such as "http://127.0.0.1:4318"')
        end
      end
    end
  end
end
