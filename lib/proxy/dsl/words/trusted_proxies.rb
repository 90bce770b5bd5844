# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets the addresses of the proxies in front of this one.
      class TrustedProxies < Word::Setting
        prose <<~TEXT
          Addresses and networks of the proxies in front of this one, or `unix:` for those that come over a unix
          socket. Their `X-Forwarded-For` and related headers are trusted.
        TEXT
        details <<~TEXT
          A request that comes from one of them is that of the right-most address of `X-Forwarded-For` that is not
          among them, by the scheme of `X-Forwarded-Proto`; without `X-Forwarded-For`, `Forwarded` is read the same
          way. `{addr}`, `{scheme}`, the access log, limits and lists see that client. Nobody else is believed: fields
          of that kind are dropped.
        TEXT
        example <<~RUBY
          trusted_proxies "10.0.0.0/8", "127.0.0.1", "fd00::/8"
          trusted_proxies "10.0.0.0/8", fields: ["X-Forwarded-For", "X-Forwarded-Proto"]
        RUBY

        PROXIES = Types::Texts.new("String, …", 'addresses and networks, such as "10.0.0.0/8" or "127.0.0.1"')
        FIELDS = Types::Texts.new("Array", 'an Array of header names, such as ["X-Forwarded-For"]')

        takes PROXIES, as: :addresses, many: true
        default "none"

        option :fields, FIELDS, <<~TEXT, default: "all of that kind", unset: true
          The headers from them that are trusted, such as `["X-Forwarded-For", "X-Forwarded-Proto"]`; all others of
          that kind are dropped.
        TEXT
      end
    end
  end
end
