# frozen_string_literal: true

require "support/acme"

RSpec.describe "Certificates on demand", :acme, time_limit: 60 do
  let(:authority) { start_authority }
  let(:asked) { Queue.new }

  # Those who have been asked about, in order.
  def names_asked = Array.new(asked.size) { asked.pop }

  # A proxy that has a certificate for app.example.com, and gets others where the block says yes.
  def start_on_demand(**limits, &answer)
    asked = self.asked
    decide = ->(name) { asked << name and answer.call(name) }
    proxy = start_managed(authority, "app.example.com", on_demand: decide, on_demand_limits: limits) do
      static_response body: "a customer's"
    end
    await_certificate(proxy, "app.example.com")
    proxy
  end

  it "come within the first handshake of a name to which the block says yes" do
    proxy = start_on_demand { |name| name == "shop.example.org" }

    shown = certificate(proxy, "shop.example.org")

    expect(names_of(shown)).to eq(["shop.example.org"])
    expect(certificate(proxy, "shop.example.org").serial).to eq(shown.serial)
    expect(names_asked).to eq(["shop.example.org"])
  end

  it "are ordered once for a name that many clients ask for at the same time" do
    proxy = start_on_demand { true }

    serials = Array.new(8) { in_background { certificate(proxy, "shop.example.org")&.serial } }.map(&:value)

    expect(serials.uniq.size).to eq(1)
    expect(serials.first).not_to be_nil
    expect(authority.orders).to eq(2)
  end

  it "are not asked for again after a restart, and the block is not asked either" do
    first = start_on_demand { true }
    shown = certificate(first, "shop.example.org")
    first.stop
    names_asked

    again = start_on_demand { raise "it was asked" }

    expect(certificate(again, "shop.example.org").serial).to eq(shown.serial)
    expect(names_asked).to be_empty
  end

  it "are refused after a no, which is remembered" do
    proxy = start_on_demand { false }

    refusals = Array.new(3) { TlsClient.refusal(https(proxy), name: "nobody.example.org") }

    expect(refusals).to all(include("unrecognized name"))
    expect(names_asked).to eq(["nobody.example.org"])
    expect(authority.orders).to eq(1)
  end

  it "are not even asked about for what is no name of a host" do
    proxy = start_on_demand { true }

    refusals = ["localhost", "a..example.org", "-.example.org", "#{"a" * 64}.example.org"].map do |name|
      TlsClient.refusal(https(proxy), name: name)
    end

    expect(refusals).to all(be_a(String))
    expect(names_asked).to be_empty
  end

  it "are refused if the block raises or takes too long, while known names are served" do
    held = Queue.new
    proxy = start_on_demand(timeout: 0.3) { |name| name.start_with?("slow") ? held.pop : raise("no database") }

    expect(TlsClient.refusal(https(proxy), name: "broken.example.org")).to include("unrecognized name")
    expect(TlsClient.refusal(https(proxy), name: "slow.example.org")).to include("unrecognized name")
    expect(certificate(proxy, "app.example.com")).not_to be_nil
  ensure
    held << false
  end

  it "are ordered for no more names in a minute than the limit has" do
    proxy = start_on_demand(per_minute: 2) { true }

    shown = Array.new(5) { |number| certificate(proxy, "n#{number}.example.org") }

    expect(shown.compact.size).to eq(2)
    expect(authority.orders).to eq(3)
  end

  it "are asked about at a URL: 200 is a yes, a redirect is none" do
    backend = start_backend do |connection|
      while (request = connection.read_request)
        yes = request.target == "/domains?domain=shop.example.org"
        connection.answer("", { "Location" => "/" }, status: yes ? "200 OK" : "302 Found")
      end
    end
    proxy = start_managed(authority, on_demand: "http://#{backend.address}/domains") { static_response body: "" }

    expect(names_of(certificate(proxy, "shop.example.org"))).to eq(["shop.example.org"])
    expect(TlsClient.refusal(https(proxy), name: "other.example.org")).to include("unrecognized name")
  end

  it "cost known names nothing in a flood of random ones, and the block is asked a bounded number of times at once" do
    running = Queue.new
    most = Queue.new
    proxy = start_on_demand(waiting: 4) do
      running << true
      most << running.size
      running.pop
      false
    end
    flood = Array.new(8) do |client|
      in_background { Array.new(25) { |i| TlsClient.refusal(https(proxy), name: "r#{client}-#{i}.example.org") } }
    end

    known = Array.new(20) { certificate(proxy, "app.example.com") }

    expect(known).to all(be_a(OpenSSL::X509::Certificate))
    expect(flood.flat_map(&:value)).to all(be_a(String))
    expect(Array.new(most.size) { most.pop }.max).to be <= 4
    expect(authority.orders).to eq(1)
  end
end
