# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      class Acme < Word::Setting
        # What writes TXT records: an object, a block, a command or a name server.
        class Dns < Types::Type
          # A user's object, as the engine calls it.
          class Provider
            def initialize(object)
              @object = object
            end

            def call(record, _call)
              @object.public_send(record.fetch("op"), record.fetch("name"), record.fetch("value"))
              nil
            end
          end

          TYPE = new("object, block, Hash", "an object with add(name, value) and remove(name, value)")

          def read(value, place)
            return wrong(value, place) unless value.respond_to?(:add) && value.respond_to?(:remove)

            { "block" => Provider.new(value) }
          end
        end
      end
    end
  end
end
