# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # The path of a folder.
      class Folder < Text
        def signature = "String | _Path"

        def read(value, place)
          Types.path(value, place) || wrong(value, place)
        end
      end

      # Whether bodies are taken in: true, false, or a Hash that says what of them goes to the disk.
      class Buffering < Part
        # Keys of that Hash.
        class Options < Schema
          engine :body_file
          prose "The Hash that `buffering:` and `request_buffering:` take."

          option :disk, BODY_BYTES, "Most bytes of one body that go to the disk, into a file without a name."
          option :path, Folder.new("path", 'the path of a folder, such as "/var/tmp"'), "The folder of those files.",
                 default: "that of `TMPDIR`, else `/var/tmp`", unset: true
        end

        OPTIONS = Options.new(:body_file)
        private_constant :OPTIONS

        def initialize
          super("true, false, Hash", "true, false, or a Hash such as { disk: 1_073_741_824 }", OPTIONS)
        end

        def signature = "bool | Hash[Symbol, untyped]"

        def read(value, place)
          return value if [true, false].include?(value)
          return super unless value.is_a?(Integer)

          place.error("#{value} is an Integer: write { disk: #{Format.show(value)} }")
        end
      end

      BUFFERING = Buffering.new
    end
  end
end
