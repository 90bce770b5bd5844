# frozen_string_literal: true

require "support/acme"

# Against an authority and its DNS server.
RSpec.describe "certificates proved by DNS", :acme, time_limit: 60 do
  def names_for(proxy, name) = names_of(await_certificate(proxy, name))

  # What the proxy says about the first attempt to get a certificate, which fails.
  def failure_for(proxy, name)
    await_listed(proxy, name) { |one| one&.last_error }.last_error
  end

  it "has a certificate for a name and its wildcard by an object, with both records at the same time" do
    authority = start_authority
    most = Queue.new
    dns = authority.dns
    provider = Object.new
    provider.define_singleton_method(:add) do |name, value|
      dns.add(name, value)
      most << dns.records[name].length
    end
    provider.define_singleton_method(:remove) { |name, value| dns.remove(name, value) }
    proxy = start_managed(authority, "example.test", "*.example.test", dns: provider) { resolver dns.address }

    expect(names_for(proxy, "any.example.test")).to match_array(%w[example.test *.example.test])
    expect(Array.new(most.size) { most.pop }).to eq([1, 2])
    eventually(limit: 20) { expect(dns.records).to be_empty }
    expect(authority.orders).to eq(1)
  end

  it "calls a block with records, also for an alias" do
    authority = start_authority
    dns = authority.dns
    calls = Queue.new
    block = lambda do |record|
      calls << [record.add? ? :add : :remove, record.name]
      dns.public_send(record.add? ? :add : :remove, record.name, record.value)
    end
    dns.alias_name("_acme-challenge.b.test", "b.acme.test")
    proxy = start_managed(authority, "b.test", dns: block) { resolver dns.address }

    expect(names_for(proxy, "b.test")).to eq(["b.test"])
    expect(Timeout.timeout(20) { Array.new(2) { calls.pop } }).to eq([[:add, "b.acme.test"], [:remove, "b.acme.test"]])
  end

  it "runs a command" do
    authority = start_authority
    dns = authority.dns
    path = File.join(directory, "dns")
    File.write(path, <<~'SH')
      #!/bin/sh
      echo "$2 $3" >> "$(dirname "$0")/calls"
      case $2 in
        add) curl -sf -d "{\"host\": \"$3.\", \"value\": \"$4\"}" "$1/set-txt" ;;
        remove) curl -sf -d "{\"host\": \"$3.\"}" "$1/clear-txt" ;;
      esac
    SH
    File.chmod(0o755, path)
    command = { command: [path, dns.management.to_s] }
    proxy = start_managed(authority, "*.c.test", dns: command) { resolver dns.address }

    expect(names_for(proxy, "any.c.test")).to eq(["*.c.test"])
    calls = "add _acme-challenge.c.test\nremove _acme-challenge.c.test\n"
    eventually(limit: 20) { expect(File.read(File.join(directory, "calls"))).to eq(calls) }
  end

  it "says what a provider raised, and where" do
    authority = start_authority
    proxy = start_managed(authority, "*.d.test", dns: ->(_) { raise "no token" }) { resolver authority.dns.address }

    expect(failure_for(proxy, "*.d.test")).to match(/raised RuntimeError: no token \(.*acme_dns_spec\.rb:\d+\)/)
  end

  it "shows the record of dns-persist-01 that is to be written, and orders once it is there" do
    authority = start_authority
    dns = authority.dns
    proxy = start_managed(authority, "*.e.test", challenge: "dns-persist-01") { resolver dns.address }
    name, value = failure_for(proxy, "*.e.test").match(/write this record, once: (\S+) IN TXT "([^"]+)"/).captures

    expect(name).to eq("_validation-persist.e.test")
    expect(value).to match(/\A\S+; accounturi=https:\S+; policy=wildcard\z/)
    dns.add(name, value)
    proxy.server.renew_certificate("*.e.test")
    expect(names_for(proxy, "any.e.test")).to eq(["*.e.test"])
  end

  it "has six certificates although a fifth of good nonces is refused, and takes the records away again" do
    authority = start_authority(bad_nonces: 20)
    names = %w[a b c d e f].map { |label| "#{label}.example.com" }
    dns = authority.dns
    proxy = start_managed(authority, *names, challenge: "dns-01", dns: dns) { resolver dns.address }

    names.each { |name| await_certificate(proxy, name, limit: 40) }

    expect(authority.orders).to eq(6)
    eventually(limit: 10) { expect(dns.records).to be_empty }
  end

  it "has certificates for the other names if the provider raises for one" do
    authority = start_authority
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
