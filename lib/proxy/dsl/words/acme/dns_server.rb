# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      class Acme < Word::Setting
        # A program with its arguments, as the system starts it: no shell reads it.
        class DnsCommand < Types::Text
          def signature = "String | _Path | Array[String | _Path]"

          def read(value, place)
            words = value.is_a?(Array) ? value : [value]
            words = words.map { |word| word.respond_to?(:to_path) ? word.to_path : word }
            return place.error("it is empty: write #{hint}") if words.empty? || words.first == ""

            words = all_sound(words.map { |word| super(word, place) })
            words.equal?(INVALID) ? INVALID : started(words, place)
          end

          private

          # A path starts from the folder of the configuration file; a name alone is looked for in PATH.
          def started(words, place)
            program, *arguments = words
            path = program.match?(%r{[/~]}) ? FilePath.expand(program, place.directory) : program
            return [path, *arguments] if arguments.any? || !program.include?(" ") || File.exist?(path)

            place.error("#{Format.show(program)} is a command line, which no shell reads: write " \
                        "command: [#{program.split.map(&:inspect).join(", ")}]")
          end
        end

        # The key that signs updates (TSIG).
        class DnsKey < Schema
          NAME = Types::Text.new("String", 'the name that the server knows the key by, such as "acme"')
          SECRET = Types::Secret.new("String", "the secret in base64, as tsig-keygen shows it")
          ALGORITHM = Types::Name.new("name", %w[hmac-sha256 hmac-sha384 hmac-sha512])

          prose "The Hash that `key:` in `dns:` of `acme` takes: what signs updates (TSIG)."

          option :name, NAME, "Name of the key.", required: true
          option :secret, SECRET, "The key in base64.", required: true
          option :algorithm, ALGORITHM, "How it signs.", default: "`hmac-sha256`"
        end

        # A Hash with a key, which is not shown.
        class HiddenPart < Types::Part
          include Types::Hidden
        end

        # A program or a name server that writes TXT records.
        class DnsServer < Schema
          COMMAND = DnsCommand.new("String, Array", 'the path of a program, such as "bin/dns", or ["bin/dns", "--now"]')
          SERVER = Types::Text.new("String", 'a name server, such as "ns.example.com" or "10.0.0.2:5353"')
          KEY = HiddenPart.new("Hash", '{ name: "acme", secret: "…" } as tsig-keygen shows them', DnsKey.new(:dns_key))
          ZONE = Types::Text.new("String", 'a zone, such as "example.com"')

          prose "A Hash in `dns:` of `acme`: a program, or a name server that takes updates."

          option :command, COMMAND, <<~TEXT, default: "none", unset: true
            A program that is called with `add` or `remove`, the name and the value behind its own arguments.
          TEXT
          option :rfc2136, SERVER, <<~TEXT, default: "none", unset: true
            A name server that takes updates (RFC 2136), as nsupdate sends them: `HOST` or `HOST:PORT`.
          TEXT
          option :key, KEY, "The key that signs updates.", default: "none: they are not signed", unset: true
          option :zone, ZONE, "The zone to update.", default: "as the server says", unset: true
        end
      end
    end
  end
end
