# frozen_string_literal: true

require "support/acme"

RSpec.describe "Challenges in DNS", :acme, time_limit: 60 do
  let(:authority) { start_authority(bad_nonces: 20) }
  let(:names) { %w[a b c d e f].map { |label| "#{label}.example.com" } }

  it "get six names their certificates by dns-01, and take the records away again" do
    dns = authority.dns
    proxy = start_managed(authority, *names, challenge: "dns-01", dns: dns) { resolver dns.address }

    names.each { |name| await_certificate(proxy, name, limit: 40) }

    expect(authority.orders).to eq(6)
    eventually(limit: 10) { expect(dns.records).to be_empty }
  end

  it "get a wildcard and its apex one certificate, with two records of one name at the same time" do
    seen = Queue.new
    dns = authority.dns
    dns.define_singleton_method(:add) { |name, value| super(name, value).tap { seen << records[name].size } }
    proxy = start_managed(authority, "*.example.com", "example.com", dns: dns) { resolver dns.address }

    shown = await_certificate(proxy, "any.example.com", limit: 40)

    expect(names_of(shown)).to contain_exactly("example.com", "*.example.com")
    expect(certificate(proxy, "example.com").serial).to eq(shown.serial)
    expect(authority.orders).to eq(1)
    expect(Array.new(seen.size) { seen.pop }).to eq([1, 2])
  end

  it "say in a clear line that a provider raises, and the other names go on" do
    dns = authority.dns
    raising = Class.new do
      define_method(:add) { |name, value| name.include?("bad") ? raise("no such zone") : dns.add(name, value) }
      define_method(:remove) { |name, value| dns.remove(name, value) }
    end
    proxy = start_managed(authority, "bad.example.org", "a.example.com", dns: raising.new, challenge: "dns-01") do
      resolver dns.address
    end

    await_certificate(proxy, "a.example.com", limit: 30)
    said = await_listed(proxy, "bad.example.org") { |one| one&.last_error }
    expect(said.last_error).to include("no such zone")
  end
end
