# frozen_string_literal: true

require_relative "../../blocks/log_reader"
require_relative "access_log/choices"

module Proxy
  class DSL
    module Words
      # Logs every request.
      class AccessLog < Word::Setting
        prose 'One line for every request: `combined`, `json`, or a string rewrite such as `"{addr} {method} {path}"`.'
        details <<~TEXT
          With a Ruby block, the lines go there in place of a file: an Array of Strings, every tenth of a second and
          after 1,000 lines. The block runs on a thread of Ruby, and no request waits for it. 64 calls wait for a block
          that is slow; further lines are lost and counted.
        TEXT
        example <<~RUBY
          access_log "combined"
          access_log "{addr} {method} {path} {status} {response_time}", to: "log/access.log"
        RUBY
        example <<~'RUBY', "A Ruby block"
          access_log "json" do |lines|
            lines.each { |line| warn line }
          end
        RUBY

        # `"combined"`, `"json"`, a string rewrite or `false`.
        class LineFormat < Types::Text
          NAMES = %w[combined json].freeze
          private_constant :NAMES

          def signature = "String | Symbol | false"

          def read(value, place)
            return false if value == false

            name = value.is_a?(Symbol) ? value.to_s : value
            return wrong(value, place) unless name.is_a?(String)
            return name if NAMES.include?(name)
            return utf8(name, place) if value.is_a?(String) && name.include?("{")

            place.error(name.match?(%r{/|\.log\z}) ? a_file(value) : unknown(value))
          end

          private

          def a_file(value)
            shown = Format.show(value)
            "#{shown} is a file, not a format: write access_log \"combined\", to: #{shown}"
          end

          def unknown(value)
            "#{value.inspect} is unknown#{Spelling.hint(value, NAMES)}: write #{hint}"
          end
        end

        # Path of a file to write, or a syslog daemon.
        class OutputFile < Types::Text
          def signature = "String | _Path"

          def read(value, place)
            return utf8(value, place) if value.is_a?(String) && value.start_with?("syslog:")

            Types.path(value, place) || wrong(value, place)
          end
        end

        FORMAT = LineFormat.new(
          "name, rewrite, false", '"combined", "json", a string rewrite such as "{method} {path}", or false'
        )
        FILE = OutputFile.new("path", 'the path of a file, such as "log/access.log"')

        takes FORMAT, as: :format
        default "off"

        option :to, FILE, <<~TEXT, default: "standard output", unset: true
          A file to append to, or a syslog daemon (RFC 5424): `"syslog:unixgram:/dev/log"` or
          `"syslog:udp:127.0.0.1:514"`.
        TEXT
        option :sample, Choices::SHARE, "The share of the requests that is logged, such as `0.1`. Lines say it."
        option :keep, Choices::KEEP, "With `sample`, what is logged in any case: `{ status: 500.., slower_than: 1 }`.",
               default: "nothing"
        option :fields, Choices::FIELDS, "The fields of a `json` line: see [logs](logs.md#json).", default: "all",
                                                                                                  unset: true
        option :exclude, Choices::PATHS, 'Paths that are never logged: `"/up"`, or `"/assets/*"` for all below.',
               default: "none"
        option :redact, Choices::PARAMETERS, <<~TEXT, default: "the usual names", unset: true
          Query parameters beside the usual ones whose values no log shows. `[]` shows all.
        TEXT

        # The type of the word's method, with its block, in RBS.
        def signature
          super.sub("(String", "(?(String").sub(" | false format", " | false) format")
               .sub(/ -> nil\z/, " ?{ (Array[String]) -> void } -> nil")
        end

        private

        # A block needs no format.
        def value(call)
          call.block && call.arguments.empty? ? "combined" : super
        end

        # Whether there is a block, of what the call says otherwise.
        def block(call, setting)
          return setting unless call.block
          return call.place.error("false and a block contradict each other: leave one of them out") if setting.nil?
          return setting unless setting.is_a?(Hash)

          { **setting, "block" => call.draft.add_block(::Proxy::Blocks::LogReader.new(call.block)) }
        end

        # The setting in the engine's form; nil for no access log.
        def setting(value, given, place)
          if value == false && (option = given.keys.first)
            place.error("false and `#{option}` contradict each other: write a format, or leave `#{option}` out")
          end
          return value || nil unless value.is_a?(String)

          { "format" => value, "at" => place.at, **given }
        end

        def instead_of_several(values)
          values.last.is_a?(String) ? "#{super}, to: #{Format.show(values.last)}" : super
        end
      end
    end
  end
end
