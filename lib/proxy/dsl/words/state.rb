# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Names the file that keeps changes of run time over a restart.
      class State < Word::Setting
        prose <<~TEXT
          A file that keeps what was changed while the proxy ran over a restart: states, weights and limits of backends,
          and those that were added or removed. `false` is no file.
        TEXT
        details <<~TEXT
          [Deploys](deploys.md#what-a-restart-keeps) has the whole story.
        TEXT
        example <<~RUBY
          state "tmp/proxy.state"
        RUBY

        # A path or `false`.
        class StateFile < Types::Text
          def signature = "String | _Path | false"

          def read(value, place)
            return false if value == false

            Types.path(value, place) || wrong(value, place)
          end
        end

        takes StateFile.new("path, false", 'the path of a file, such as "tmp/proxy.state"'), as: :path
        default "none"

        private

        def setting(value, given, place)
          value == false ? nil : super
        end
      end
    end
  end
end
