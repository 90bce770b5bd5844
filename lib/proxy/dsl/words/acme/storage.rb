# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      class Acme < Word::Setting
        # Where accounts and certificates are kept: a folder.
        class Storage < Types::Text
          TYPE = new("path, object", 'the path of a folder, such as "/var/lib/proxy/acme"')

          def signature = "String | _Path"

          def read(value, place)
            path = Types.path(value, place)
            path.nil? ? wrong(value, place) : tagged("folder", path)
          end
        end
      end
    end
  end
end
