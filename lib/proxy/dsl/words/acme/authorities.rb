# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      class Acme < Word::Setting
        # Authorities: names, or URLs of directories. The engine knows the names.
        class Authorities < Types::Texts
          TYPE = new("name, URL, Array", 'a name such as "letsencrypt", or the URL of a directory')

          def signature = "String | Symbol | Array[String | Symbol]"

          def read(value, place)
            list = value.is_a?(Array) ? value : [value]
            super(list.map { |name| name.is_a?(Symbol) ? name.to_s : name }, place)
          end
        end
      end
    end
  end
end
