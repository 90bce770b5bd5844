# frozen_string_literal: true

require "support/acme"

# Values in memory, with leases as locks. It stands for a database that several proxies share.
class SharedValues
  attr_reader :values, :leases, :busy
  attr_accessor :broken

  def initialize
    @values = {}
    @leases = {}
    @busy = Mutex.new
  end

  def load(key) = guarded { values[key] }

  def store(key, value) = guarded { values[key] = value }

  def delete(key) = guarded { values.delete(key) }

  def list(prefix) = guarded { values.keys.select { |key| key.start_with?(prefix) } }

  def lock(key, owner, seconds)
    guarded do
      now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      holder, ends = leases[key]
      next false if holder && holder != owner && ends > now

      leases[key] = [owner, now + seconds]
      true
    end
  end

  private

  def guarded
    raise IOError, broken if broken

    busy.synchronize { yield }
  end
end

RSpec.describe "Storage of certificates", :acme, time_limit: 60 do
  let(:authority) { start_authority }
  let(:shared) { SharedValues.new }
  let(:names) { %w[a.example.com b.example.com c.example.com] }

  it "may be a Ruby object, which several proxies share: one order for each name" do
    first, second = Array.new(2) { start_managed(authority, *names, storage: shared, challenge: "http-01") }
    authority.lead_to(first, second)

    serials = [first, second].map { |proxy| names.map { |name| await_certificate(proxy, name, limit: 30).serial } }

    expect(serials.uniq.size).to eq(1)
    expect([authority.orders, authority.pebble.accounts]).to eq([3, 1])
    # Every lock is given back.
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    eventually { expect(shared.leases.select { |_, (_, ends)| ends > now + 1 }).to eq({}) }
  end

  it "is let go, if it is an object, once a reload takes acme away" do
    proxy = start_managed(authority, "a.example.com", storage: shared)
    await_certificate(proxy, "a.example.com")
    expect(proxy.server.stats[:blocks]).not_to be_empty

    proxy.server.reload do
      bind "http://127.0.0.1:0"
      static_response body: "without certificates"
    end

    eventually { expect(proxy.server.stats[:blocks]).to be_empty }
    expect(proxy.server.certificates).to eq([])
  end

  it "of an object that fails is told of for the name, and used when it works again" do
    shared.broken = "no connection to the database"
    proxy = start_managed(authority, "a.example.com", storage: shared)

    said = await_listed(proxy, "a.example.com") { |one| one&.last_error }
    expect(said.last_error).to match(/storage: load\(.*\) has no answer: raised IOError: no connection to the database/)
    expect(authority.orders).to eq(0)
    shared.broken = nil
    proxy.server.renew_certificate("a.example.com")

    await_certificate(proxy, "a.example.com", limit: 30)
    expect(authority.orders).to eq(1)
  end

  it "in a folder lets only its owner read what is there" do
    proxy = start_managed(authority, "a.example.com")
    await_certificate(proxy, "a.example.com")
    # It is shown before it is stored.
    eventually { expect(File).to exist("#{directory}/certificates/a.example.com.pem") }

    found = Dir.glob("#{directory}/**/*").to_h { |path| [path.delete_prefix("#{directory}/"), File.stat(path)] }
    expect(found.keys).to include("certificates/a.example.com.pem", "states/a.example.com.json")
    found.each { |path, stat| expect([path, stat.mode & 0o077]).to eq([path, 0]) }
  end
end
