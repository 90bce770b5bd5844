# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Path of a folder. A relative path starts from the folder of the configuration file.
      class InputFolder < Text
        def signature = "String | _Path"

        def read(value, place)
          path = Types.path(value, place)
          return wrong(value, place) if path.nil?
          return path if path.equal?(INVALID)

          reason = unusable(path)
          reason ? place.error("#{Format.show(value.to_s)} #{reason} (looked at #{path}): write #{hint}") : path
        end

        private

        def unusable(path)
          return "does not exist" unless File.exist?(path)
          return "is no folder" unless File.directory?(path)

          "cannot be read by this user" unless File.executable?(path)
        end
      end

      # Folders whose files a backend may name: one, several, or a Hash of the URIs below which it names them.
      class NamedFolders < InputFolder
        def signature = "String | _Path | Array[String | _Path] | Hash[String, String | _Path]"

        def read(value, place)
          case value
          when Hash then by_uri(value, place)
          when Array
            return place.error("the list is empty: write #{hint}, or leave it out") if value.empty?

            all_sound(value.map { |path| root(nil, super(path, place)) })
          else
            root = root(nil, super)
            root.equal?(INVALID) ? root : [root]
          end
        end

        private

        def by_uri(value, place)
          return place.error("the Hash is empty: write #{hint}, or leave it out") if value.empty?

          all_sound(value.map { |uri, path| named(uri, path, place) })
        end

        def named(uri, path, place)
          uri = utf8(uri, place) if uri.is_a?(String)
          return place.error("#{Format.show(uri)} is #{Format.kind(uri)}: write #{hint}") unless uri.is_a?(String)

          root(uri, InputFolder.instance_method(:read).bind_call(self, path, place.within(uri.to_sym)))
        end

        def root(uri, path) = path.equal?(INVALID) ? INVALID : [uri, path]
      end

      FOLDER = InputFolder.new("path", 'the path of a folder, such as "public"')
      NAMED_FOLDERS = NamedFolders.new("path, Array, Hash", 'the path of a folder, such as "storage", an Array of ' \
                                                            'them, or { "/files" => "storage" }')
    end
  end
end
