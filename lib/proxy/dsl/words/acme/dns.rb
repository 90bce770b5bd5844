# frozen_string_literal: true

require_relative "../../../blocks/dns_provider"
require_relative "dns_server"

module Proxy
  class DSL
    module Words
      class Acme < Word::Setting
        # What writes TXT records: an object, a block, a command or a name server.
        class Dns < Types::Type
          # An object may have a secret in it.
          include Types::Hidden
          include Types::Arguments

          SERVER = DnsServer.new(:dns)
          private_constant :SERVER

          TYPE = new("object, block, Hash",
                     'an object with add(name, value) and remove(name, value), { command: "bin/dns" } or ' \
                     '{ rfc2136: "ns.example.com", key: { name: "…", secret: "…" } }')

          def signature = "::Proxy::_DnsProvider | ^(::Proxy::Blocks::DnsRecord) -> untyped | Hash[Symbol, untyped]"

          def schema = SERVER

          def read(value, place)
            return server(value, place) if value.is_a?(Hash)
            return provider(value, place) if value.respond_to?(:add) && value.respond_to?(:remove)
            return block(value, place) if value.respond_to?(:call)
            return wrong(value, place) unless value.is_a?(Class) && writes?(value)

            place.error("#{value.name || "this"} is a class: write #{value.name}.new(…)")
          end

          private

          def writes?(value) = %i[add remove].all? { |name| value.method_defined?(name) }

          def provider(value, place)
            wrong = %i[add remove].find { |name| !takes?(value.method(name), 2) }
            return place.error("#{wrong} is called with a name and a value: write def #{wrong}(name, value)") if wrong

            { "block" => ::Proxy::Blocks::DnsProvider.new(value) }
          end

          def block(value, place)
            return { "block" => ::Proxy::Blocks::DnsProvider.new(value) } if block_takes?(value, 1)

            place.error("the block is called with a record: write ->(record) { … }")
          end

          # One that writes records by itself, without Ruby.
          def server(value, place)
            options, sound = SERVER.read(value, place)
            return INVALID unless sound

            command, address = options.values_at("command", "rfc2136")
            return place.error("it says nobody who writes records: write #{hint}") unless command || address
            return rfc2136(options, place) unless command

            others = options.keys - ["command"]
            return { "command" => command } if others.empty?

            place.error("#{Format.list(others)} #{others.one? ? "is" : "are"} not for a command: leave it out")
          end

          def rfc2136(options, place)
            key = options.fetch("key", {})
            missing = options.key?("key") ? %w[name secret] - key.keys : []
            unless missing.empty?
              return place.within(:key).error("#{Format.list(missing)} #{missing.one? ? "is" : "are"} missing: write " \
                                              "#{DnsServer::KEY.hint}")
            end

            key = key.transform_keys { |name| "key_#{name}" }
            tagged("rfc2136", { "server" => options.fetch("rfc2136"), **key, **options.slice("zone") })
          end
        end
      end
    end
  end
end
