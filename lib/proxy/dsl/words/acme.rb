# frozen_string_literal: true

require_relative "acme/authorities"
require_relative "acme/bindings"
require_relative "acme/dns"
require_relative "acme/on_demand"
require_relative "acme/storage"

module Proxy
  class DSL
    module Words
      # Lets the proxy get and renew certificates by itself.
      class Acme < Word::Setting
        prose <<~TEXT
          Gets a certificate for every name in `host` and `hosts:`, and renews it in time. It is shown at every `https`
          bind without a certificate of its own. To write it is to accept the terms of the authority.
        TEXT
        details <<~TEXT
          [Certificates by themselves](certificates.md) has the whole story.
        TEXT
        example <<~RUBY
          acme email: "ops@example.com"
          bind "http://0.0.0.0:80"
          bind "https://0.0.0.0:443"
          host "example.com", "www.example.com" do
            proxy to: "http://127.0.0.1:3000{path}{query}"
          end
        RUBY
        example <<~'RUBY', "Other names, if a block says yes"
          acme email: "ops@example.com", on_demand: ->(name) { File.exist?("customers/#{name}") }
        RUBY

        # An address for mail.
        class Email < Types::Text
          def read(value, place)
            text = super
            return text if text.equal?(INVALID) || text.match?(/\A[^@\s[:cntrl:]]+@[^@\s[:cntrl:]]+\z/) && !url?(text)

            place.error("#{Format.show(text)} is no address: write #{url?(text) ? text[7..].inspect : hint}")
          end

          private

          def url?(text)
            text.match?(/\Amailto:./i)
          end
        end

        # Names of challenges: one, or an Array in the order of preference.
        class Challenges < Types::Name
          def signature = "String | Symbol | Array[String | Symbol]"

          def read(value, place)
            list = value.is_a?(Array) ? value : [value]
            return place.error("the list is empty: write #{hint}, or leave it out") if list.empty?

            all_sound(list.map { |name| super(dashed(name), place) })
          end

          private

          # `:http_01` is `"http-01"`.
          def dashed(name)
            name.is_a?(Symbol) ? name.to_s.tr("_", "-") : name
          end
        end

        EMAIL = Email.new("String", 'an address, such as "ops@example.com"')
        PROFILE = Types::Text.new("String", 'a name that the authority has, such as "shortlived"')
        CHALLENGES = Challenges.new(
          "name, Array", %w[tls-alpn-01 http-01 dns-01 dns-persist-01],
          others: { "http" => "http-01", "dns" => "dns-01", "tls-alpn" => "tls-alpn-01", "tls" => "tls-alpn-01",
                    "dns-persist" => "dns-persist-01", "http01" => "http-01", "dns01" => "dns-01" }
        )
        PATIENCE = Types::SecondsOrFalse.new("seconds, false",
                                             "a number of seconds, such as 120, or false to look at nothing")
        KEY = Types::Name.new(
          "name", %w[p256 p384 rsa2048 rsa4096],
          others: { "ecdsa" => "p256", "ec256" => "p256", "ec384" => "p384", "p-256" => "p256", "p-384" => "p384",
                    "rsa" => "rsa2048", "2048" => "rsa2048", "4096" => "rsa4096" }
        )
        BEFORE = Types::Number.new("number", "a part of its life, such as 0.3, or a number of seconds, such as 864_000",
                                   what: "time")

        option :email, EMAIL, "Whom the authority may write to.", default: "nobody", unset: true
        option :authority, Authorities::TYPE, <<~TEXT
          Who issues the certificates: `letsencrypt`, `letsencrypt_staging`, `zerossl`, `google`, or the URL of a
          directory. Of several, the first that can.
        TEXT
        option :ca_file, Types::PEM_FILE, <<~TEXT, default: "those of the system", unset: true
          PEM file of the authorities that sign the certificate of the directory itself.
        TEXT
        option :eab, Bindings::TYPE, <<~TEXT, default: "none", unset: true
          The key of an account that the authority has given out: `{ id: "…", key: "…" }`, or one for each authority,
          as in `{ "zerossl" => { id: "…", key: "…" } }`.
        TEXT
        option :challenge, CHALLENGES, <<~TEXT, default: "tls-alpn-01, http-01; dns-01 first with `dns`", unset: true
          How to prove that a name is ours, in the order of preference: `tls-alpn-01` (needs port 443), `http-01` (port
          80), `dns-01` or `dns-persist-01`.
        TEXT
        option :dns, Dns::TYPE, <<~TEXT, default: "none", unset: true
          Writes TXT records for `dns-01`, which wildcards need: an object with `add(name, value)` and
          `remove(name, value)`, a block, `{ command: "bin/dns" }` or `{ rfc2136: "ns.example.com", key: … }`.
        TEXT
        option :propagation, PATIENCE, <<~TEXT
          Time that a TXT record may take to be seen at all servers of its zone; `false` does not look.
        TEXT
        option :profile, PROFILE, "The kind of certificate, such as `shortlived`.", default: "the authority's",
                                                                                   unset: true
        option :key, KEY, "The kind of key: `p256`, `p384`, `rsa2048` or `rsa4096`. Each certificate has a new one."
        option :renew, BEFORE, <<~TEXT, default: "when the authority says", unset: true
          When to renew: below 1 the part of its life that is then left, else the seconds. If the authority says
          nothing, it is a third, and a half if it lives under ten days.
        TEXT
        option :cache, Types::COUNT, "How many certificates are kept in memory. The others are read when asked for."
        option :storage, Storage::TYPE, <<~TEXT, default: "a folder of this user, see below", unset: true
          Where accounts, keys and certificates are kept: a folder, or an object with `load`, `store`, `delete`, `list`
          and `lock`. Several proxies with the same one share their certificates.
        TEXT
        option :on_demand, OnDemand::TYPE, <<~TEXT, default: "none may", unset: true
          Who says which names that are not written may have a certificate too: a block that gets the name, or a URL,
          which answers `?domain=NAME` with 200 for yes.
        TEXT
        option :on_demand_limits, OnDemand::LIMITS, "What such names may cost at most.", default: "see below"

        default "off"

        # The type of the word's method, in RBS.
        def signature
          "(#{options.flat_map(&:keywords).join(", ")}) -> nil"
        end

        private

        def run(call)
          place = call.place
          return stand_in(call) unless call.draft.top_level?(place)

          place.no_block if call.block
          unless call.arguments.empty?
            misplaced(call.arguments.first, place)
            return stand_in(call)
          end

          given, = read(call.options, place)
          unused(given, call.options, place)
          call.draft.set(name, { **numbered(given, call.draft), "at" => place.at }, place)
        end

        # Keeps a mistake here from being told at each `https` bind once more.
        def stand_in(call)
          call.draft.set(name, { "at" => call.place.at }, call.place)
        end

        # Reports options that have no meaning without another one.
        def unused(given, options, place)
          { "on_demand_limits" => :on_demand, "propagation" => :dns }.each do |name, needed|
            next if !given.key?(name) || options[needed]

            place.within(name).error("has no meaning without #{needed}: write #{needed}: …, or leave it out")
          end
        end

        # The options with the number of each block in its place.
        def numbered(given, draft)
          given.transform_values do |value|
            next value unless value.is_a?(Hash) && value["block"].respond_to?(:call)

            { "block" => draft.add_block(value["block"]) }
          end
        end

        def misplaced(value, place)
          shown = Format.show(value)
          address = value.is_a?(String) && value.include?("@") ? shown : '"ops@example.com"'
          place.options_only(shown, "acme email: #{address}")
        end
      end
    end
  end
end
