# frozen_string_literal: true

require "support/acme"

RSpec.describe "Challenges of an authority", :acme, time_limit: 60 do
  let(:authority) { start_authority(bad_nonces: 20) }
  let(:names) { %w[a b c d e f].map { |label| "#{label}.example.com" } }

  %w[tls-alpn-01 http-01].each do |challenge|
    it "get six names their certificates by #{challenge}, although a fifth of good nonces is refused" do
      proxy = start_managed(authority, *names, challenge: challenge)

      shown = names.map { |name| await_certificate(proxy, name, limit: 40) }

      expect(shown.map { |certificate| names_of(certificate) }).to eq(names.map { |name| [name] })
      expect(shown.map(&:public_key).map(&:to_der).uniq.size).to eq(6)
      expect(authority.orders).to eq(6)
    end
  end

  it "are answered before redirects and filters, but only as long as their tokens are pending" do
    proxy = start_managed(authority, "a.example.com", challenge: "http-01") do
      redirect_http_to_https!
      deny_list "127.0.0.0/8"
    end

    await_certificate(proxy, "a.example.com")
    token = "/.well-known/acme-challenge/none-of-ours"

    expect(proxy.get(token, "Host" => "a.example.com").status).to be_between(300, 499)
    expect(proxy.get("/", "Host" => "a.example.com").status).to be_between(300, 499)
  end

  it "leave a backend its own /.well-known/acme-challenge/" do
    backend = backend_answering("the backend's own")
    address = backend.address
    proxy = start_managed(authority, challenge: "http-01") do
      host("a.example.com") { proxy backends: [address] }
    end

    await_certificate(proxy, "a.example.com")

    own = proxy.get("/.well-known/acme-challenge/token", "Host" => "a.example.com")
    expect([own.status, own.body]).to eq([200, "the backend's own"])
  end

  it "refuse a handshake for a name that is not written, with unrecognized_name" do
    proxy = start_managed(authority, "a.example.com")

    await_certificate(proxy, "a.example.com")

    expect(TlsClient.refusal(https(proxy), name: "other.example.com")).to include("unrecognized name")
    expect(authority.orders).to eq(1)
  end

  it "belong to an account that an authority has bound to one of its own" do
    bound = start_authority(bindings: { "kid-1" => Pebble::BINDING })
    eab = { id: "kid-1", key: Pebble::BINDING }
    proxy = start_managed(bound, "a.example.com", eab: eab, email: "ops@example.com")

    await_certificate(proxy, "a.example.com")

    expect(bound.pebble.log).to include('Successful newAccount Binding with CA using kid "kid-1"')
  end
end
