# frozen_string_literal: true

require_relative "../../../blocks/storage"

module Proxy
  class DSL
    module Words
      class Acme < Word::Setting
        # Where accounts and certificates are kept: a folder or an object.
        class Storage < Types::Text
          # An object may have a secret in it.
          include Types::Hidden
          include Types::Arguments

          # The methods of an object, with what they are called with.
          METHODS = { load: %w[key], store: %w[key value], delete: %w[key], list: %w[prefix],
                      lock: %w[key owner seconds] }.freeze
          private_constant :METHODS

          TYPE = new("path, object",
                     'the path of a folder, such as "/var/lib/proxy/acme", or an object with load, store, delete, ' \
                     "list and lock")

          def signature = "String | _Path | ::Proxy::_Storage"

          def read(value, place)
            return url(value, place) if value.is_a?(String) && value.match?(%r{\A\w+://})

            path = Types.path(value, place)
            return tagged("folder", path) unless path.nil?
            return object(value, place) if METHODS.keys.any? { |name| own?(value, name) }
            return wrong(value, place) unless value.is_a?(Class) && value.method_defined?(:lock)

            place.error("#{value.name || "this"} is a class: write #{value.name}.new(…)")
          end

          private

          # Whether the object has a method of this name that is not one of every object, Array or Hash.
          def own?(value, name)
            value.respond_to?(name) && ![Array, Hash, Module].any? { |kind| kind === value }
          end

          def url(value, place)
            place.error("a #{value[/\A\w+/]} URL is not a folder: write #{hint}")
          end

          def object(value, place)
            missing = METHODS.keys.reject { |name| value.respond_to?(name) }
            unless missing.empty?
              return place.error("the object has no #{Format.list(missing)}: write " \
                                 "#{missing.map { |name| definition(name) }.join(", ")}")
            end

            wrong = METHODS.keys.find { |name| !takes?(value.method(name), METHODS.fetch(name).length) }
            return place.error("#{wrong} is called with other arguments: write #{definition(wrong)}") if wrong

            { "block" => ::Proxy::Blocks::Storage.new(value) }
          end

          def definition(name) = "def #{name}(#{METHODS.fetch(name).join(", ")})"
        end
      end
    end
  end
end
