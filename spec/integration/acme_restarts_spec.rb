# frozen_string_literal: true

require "support/acme"

RSpec.describe "Certificates through restarts and at several instances", :acme, time_limit: 60 do
  let(:authority) { start_authority }

  it "are ordered once: a start with its storage orders nothing" do
    first = start_managed(authority, "a.example.com", "b.example.com")
    shown = await_certificate(first, "a.example.com")
    await_certificate(first, "b.example.com")
    first.stop

    again = start_managed(authority, "a.example.com", "b.example.com")

    expect(await_certificate(again, "a.example.com").serial).to eq(shown.serial)
    expect([authority.orders, authority.pebble.accounts]).to eq([2, 1])
  end

  it "are finished after a kill in the middle of an order, without a second order" do
    front = start_front(authority)
    front.spoil("/chalZ/") { |client| client.read_to_end }
    process = start_managed_process(authority, "a.example.com", url: front.url)
    front.await("/chalZ/")
    process.kill
    front.heal

    process.start
    authority.lead_to(process)

    await_certificate(process, "a.example.com", limit: 30)
    expect([authority.orders, authority.pebble.issued, authority.pebble.accounts]).to eq([1, 1, 1])
  end

  it "are ordered once by instances that share a storage, each of which answers every challenge" do
    names = Array.new(6) { |number| "n#{number}.example.com" }
    first, second, third = Array.new(3) { start_managed(authority, *names, challenge: "http-01") }
    authority.lead_to(first, second, third)

    serials = [first, second, third].map do |proxy|
      names.map { |name| await_certificate(proxy, name, limit: 40).serial }
    end

    expect(serials.uniq.size).to eq(1)
    expect([authority.orders, authority.pebble.accounts]).to eq([6, 1])
  end

  it "come with a reload for a name that it adds, and stay for those before" do
    proxy = start_managed(authority, "a.example.com")
    shown = await_certificate(proxy, "a.example.com")
    options = { storage: directory, **authority.options }

    proxy.server.reload do
      threads 1
      bind "http://127.0.0.1:0"
      bind "https://0.0.0.0:0"
      acme(**options)
      %w[a.example.com b.example.com].each { |name| host(name) { static_response body: name } }
    end

    await_certificate(proxy, "b.example.com")
    expect(certificate(proxy, "a.example.com").serial).to eq(shown.serial)
    expect(authority.orders).to eq(2)
  end
end
