# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # An address that the server listens on.
      class Bind < Word::Setting
        prose <<~TEXT
          An address to listen on: `http://ADDRESS:PORT` (IPv6 in brackets, port 0 for a free one),
          `https://ADDRESS:PORT`, `unix:///PATH` or `https+unix:///PATH`. May be written several times. Options may
          also stand in the URL: `?backlog=4096`.
        TEXT
        details <<~TEXT
          Without a certificate, one for one's own machine is made for `https://localhost`.
        TEXT
        example <<~RUBY
          bind "http://0.0.0.0:8080"
          bind "http://[::1]:8080?backlog=4096"
          bind "unix:///run/proxy.sock", mode: 0o660, group: "www-data"
          bind "https://0.0.0.0:8443", certificate: "tls/site.pem", key: "tls/site.key"
          bind "https://0.0.0.0:8443?cert=tls/site.pem&key=tls/site.key"
          bind "https://localhost:8443" # with a certificate for one's own machine
        RUBY

        # Permissions of a file: an octal number, or a String of octal digits.
        class Mode < Types::Type
          def signature = "Integer | String"

          def read(value, place)
            return value.to_i(8) if value.is_a?(String) && value.match?(/\A(?:0o?)?[0-7]{3}\z/)
            return wrong(value, place) unless value.is_a?(Integer)
            return value if value.between?(0, 0o777)

            place.error("#{Format.show(value)} is not a valid file mode: write #{hint}")
          end
        end

        # A user or a group: a name, or a number.
        class Account < Types::Text
          def signature = "String | Integer"

          def read(value, place)
            return value.to_s if value.is_a?(Integer) && !value.negative?

            super
          end
        end

        # Names in an Array, or in one String with commas between them, as in a URL.
        class Names < Types::Texts
          def signature = "String | Array[String | Symbol]"

          def read(value, place)
            super(value.is_a?(String) ? value.split(/\s*,\s*/, -1) : symbols(value), place)
          end

          private

          def symbols(value)
            value.is_a?(Array) ? value.map { |name| name.is_a?(Symbol) ? name.to_s : name } : value
          end
        end

        # A certificate of a bind that has several.
        class Certificate < Schema
          FILE = Types::InputFile.new("path", 'the path of a PEM file, such as "tls/site.pem"')
          KEY = Types::InputFile.new("path", 'the path of a PEM file, such as "tls/site.key"')
          DOMAINS = Names.new("Array", 'an Array of names, such as ["example.com", "*.example.com"]')
          OCSP = Types::InputFile.new("path", 'the path of a DER file, such as "tls/site.ocsp"')
          AUTHORITIES = Types::InputFile.new("path", 'the path of a PEM file, such as "tls/ca.pem"')
          VERIFY = Types::Name.new("name", %w[require optional])

          prose "A Hash in `certificates:` of `bind`."

          option :certificate, FILE, <<~TEXT, required: true, aliases: [:cert]
            PEM file of the server's certificate, followed by those that lead to its root.
          TEXT
          option :key, KEY, "PEM file of the certificate's key: RSA, ECDSA or Ed25519, not encrypted.",
                 default: "in the certificate's file", unset: true
          option :domains, DOMAINS, <<~TEXT, default: "those in the certificate", unset: true
            Names that the certificate is shown for, such as `["example.com", "*.example.com"]`.
          TEXT
          option :ocsp, OCSP, <<~TEXT, default: "none", unset: true
            DER file with the authority's statement that the certificate is not revoked (OCSP), passed on to clients
            that ask.
          TEXT
          option :client_ca, AUTHORITIES, <<~TEXT, default: "none", unset: true
            PEM file of the authorities that may have signed a client's certificate. Clients are then asked for a
            certificate.
          TEXT
          option :verify, VERIFY, <<~TEXT, default: "require", unset: true
            With `client_ca`: `require`, or `optional` if clients may come without a certificate.
          TEXT
        end

        CERTIFICATE = Certificate.new(:certificate)

        # Certificates: an Array of Hashes.
        class Certificates < Types::Type
          def signature = "Array[Hash[Symbol, untyped]]"

          def schema = CERTIFICATE

          def read(value, place)
            return wrong(value, place) unless value.is_a?(Array)
            return place.error("the list is empty: write #{hint}") if value.empty?

            all_sound(value.map { |entry| certificate(entry, place) })
          end

          private

          def certificate(entry, place)
            shown = Format.show(entry)
            return place.error("#{shown} is #{Format.kind(entry)}: write #{hint}") unless entry.is_a?(Hash)

            options, sound = CERTIFICATE.read(entry, place)
            return INVALID unless sound

            options.key?("certificate") ? options : place.error("#{shown} has no certificate: write #{hint}")
          end
        end

        URL = Types::Text.new("URL", 'a URL, such as "http://0.0.0.0:8080" or "unix:///run/proxy.sock"')
        MODE = Mode.new("mode", 'an octal number, 0o660 or "660"')
        ACCOUNT = Account.new("name, Integer", 'a name or a number, such as "www-data" or 33')
        PROTOCOLS = Names.new("Array", 'an Array such as ["h2", "h1"]')
        CERTIFICATES = Certificates.new(
          "Array", 'an Array such as [{ certificate: "tls/site.pem", key: "tls/site.key" }]'
        )
        OLDEST = Types::Name.new(
          "name", %w[1.2 1.3],
          others: { "tlsv1.2" => "1.2", "tlsv1.3" => "1.3", "tls1.2" => "1.2", "tls1.3" => "1.3", "tls1_2" => "1.2",
                    "tls1_3" => "1.3" }
        )

        takes URL, as: :url

        option :backlog, Types::COUNT, "Connections that may wait in the kernel to be accepted.", default: "1024"
        option :proxy_protocol, Types::SWITCH, <<~TEXT
          Each connection begins with a header of the PROXY protocol, from one of `trusted_proxies`.
        TEXT
        option :mode, MODE, <<~TEXT, default: "what the umask leaves", unset: true
          Permissions of a unix socket's file: `0o660` or `"660"`. Whoever connects needs write permission.
        TEXT
        option :owner, ACCOUNT, "The file's user, by name or number.", default: "who starts it", unset: true
        option :group, ACCOUNT, "The file's group, by name or number.", default: "who starts it", unset: true
        option :protocols, PROTOCOLS, 'The protocols that are spoken there: `["h2", "h1"]`, or one of them.',
               default: "both", unset: true
        options_of Certificate, certificate: { required: false, default: "none", unset: true }
        option :certificates, CERTIFICATES, <<~TEXT, default: "none", unset: true
          Several certificates, each a Hash. The first is shown to clients that ask for another name or none.
        TEXT
        option :min_tls, OLDEST, 'The oldest version of TLS: `"1.2"` or `"1.3"`.', default: "1.2", unset: true

        # @return [String]
        def default
          Defaults.shown(Defaults.option(:bind, :url), takes)
        end

        private

        def run(call)
          return unless call.draft.top_level?(call.place)

          call.place.no_block if call.block
          bind = address(call.arguments, call.options, call.place)
          call.draft.add_bind(bind) unless bind.equal?(INVALID)
        end

        # The address and its options in the engine's form.
        def address(urls, options, place)
          port = plain_port(urls, options)
          return place.error("#{port[:wrong]}: write bind #{"http://#{port[:host]}:#{port[:port]}".inspect}") if port
          return place.error("the URL is missing: write #{takes.hint}") if urls.empty?
          return place.error("takes one URL: write a `bind` for each") if urls.length > 1

          text = takes.read(urls.first, place)
          return INVALID if text.equal?(INVALID)

          ours = in_our_words(text)
          return place.error("#{Format.show(text)} is not a valid URL: write #{ours}") if ours

          with_query(text, options, place)
        end

        # The address in the engine's form, with the options in its query.
        def with_query(text, options, place)
          url, _, query = text.partition("?")
          given, sound = from_query(query, place)
          options = options.merge(given) do |key, *|
            sound = false
            place.error("#{key} is written both in the URL and as an option: keep one of them")
          end
          given, fit = read(options.reject { |_, value| value.equal?(INVALID) }, place)
          sound && fit ? { "url" => url, "at" => place.at, **given } : INVALID
        end

        # An address in the syntax of Puma, nginx or HAProxy, as it is written here; nil for any other.
        def in_our_words(text)
          case text
          when %r{\Atcp://(\S+)\z} then "http://#{$1}".inspect
          when %r{\Assl://([^?\s]+)}
            "#{"https://#{$1}".inspect}, certificate: \"tls/site.pem\", key: \"tls/site.key\""
          when /\A\*?:(\d+)\z/, /\A(\d+)\z/ then "http://0.0.0.0:#{$1}".inspect
          when /\A(?:[\w.-]+|\[[\h:.]+\]):\d+\z/ then "http://#{text}".inspect
          when %r{\A/\S+\z} then "unix://#{text}".inspect
          end
        end

        # `bind 80`, `bind "0.0.0.0", 80` and `bind port: 80`.
        def plain_port(urls, options)
          case urls
          in [Integer => port] then { wrong: "#{port} is an Integer", host: "0.0.0.0", port: port }
          in [String => host, Integer | String => port] if !host.include?("/") && port.to_s.match?(/\A\d+\z/)
            { wrong: "takes one URL", host: host, port: port }
          in [] if options[:port]
            { wrong: "the URL is missing", host: options[:host] || "0.0.0.0", port: options[:port] }
          else nil
          end
        end

        # The query parameters as options: digits become numbers.
        def from_query(query, place)
          return [{}, true] if query.empty?

          # Loaded here because `uri` is slow to load and few addresses have a query.
          require "uri"
          pairs = URI.decode_www_form(query).map { |key, value| [key.to_sym, from_text(key, value)] }
          twice = pairs.map(&:first).tally.select { |_, times| times > 1 }.keys
          twice.each { |key| place.error("#{key} is written twice in the URL: keep one of them") }
          [pairs.to_h, twice.empty?]
        rescue ArgumentError
          place.error("the query #{query.inspect} is malformed: write it like ?backlog=4096")
          [{}, false]
        end

        # Digits become a number, except for a mode, which is octal.
        def from_text(key, value)
          return value if key == "mode"
          return value.to_i if value.match?(/\A\d+\z/)

          { "true" => true, "false" => false }.fetch(value, value)
        end
      end
    end
  end
end
