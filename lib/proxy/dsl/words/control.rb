# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Where the control API is served.
      class Control < Word::Setting
        prose <<~TEXT
          Where the proxy can be asked and steered while it runs: the path of a socket, `unix:PATH`, or
          `http://ADDRESS:PORT` with a `token`. May be written several times; `true` is the usual socket, `false` is
          none.
        TEXT
        details <<~TEXT
          [control.md](control.md) has the calls. `proxy start` and `proxy run` make the usual socket without this word:
          `tmp/pids/proxy.sock` beside the configuration if there is a folder `tmp`, else a file in `$RUNTIME_DIRECTORY`
          (of a service of systemd), `$XDG_RUNTIME_DIR/proxy` or `/tmp/proxy-UID`. Only root and the user of the proxy can use a socket.
        TEXT
        example <<~RUBY
          control "unix:tmp/proxy.sock"
          control "http://127.0.0.1:9090", token: ENV.fetch("CONTROL_TOKEN")
        RUBY
        example <<~RUBY, "None"
          control false
        RUBY

        # `unix:PATH`, `http://ADDRESS:PORT`, `true` or `false`.
        class Address < Types::Text
          def signature = "String | bool"

          def read(value, place)
            return value if [true, false].include?(value)

            text = super
            return text unless text.is_a?(String) && text.start_with?("unix:")

            path = text.delete_prefix("unix:").sub(%r{\A//(?=/)}, "")
            expanded = Types.path(path, place)
            expanded.equal?(INVALID) ? INVALID : "unix://#{expanded}"
          end
        end

        ADDRESS = Address.new("String, true, false", '"unix:tmp/proxy.sock", or "http://127.0.0.1:9090" with a token')
        TOKEN = Types::Secret.new("String", "at least 32 random characters, such as those of `openssl rand -hex 32`")

        takes ADDRESS, as: :address
        default "the usual socket for `proxy start` and `proxy run`, else none"

        option :token, TOKEN, <<~TEXT, default: "none", unset: true
          Secret of at least 32 characters that a client over TCP must know: `Authorization: Bearer TOKEN`, or the
          password that a browser asks for. Required for `http://`.
        TEXT

        private

        def run(call)
          place = call.place
          return unless call.draft.top_level?(place)

          place.no_block if call.block
          address = value(call)
          given, sound = read(call.options, place)
          return if address.equal?(INVALID) || !sound
          return call.draft.add_control({ "address" => address, "at" => place.at, **given }, place) if
            address.is_a?(String) || given.empty?

          place.within(:token).error("is for http:// addresses only: leave it out")
        end
      end
    end
  end
end
