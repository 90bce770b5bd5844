# frozen_string_literal: true

require "support/integration"

RSpec.describe "upstream" do
  it "is what the host of a proxy's target says, before or after its line" do
    backend = backend_answering("a")
    proxy = start_proxy do
      location("/before") { proxy to: "http://app_servers/b{path}{query}" }
      upstream "app_servers", backends: [backend.address]
      proxy to: "http://App_Servers/a{path}{query}"
    end
    expect([proxy.get("/before?1").body, proxy.get("/after?2").body]).to eq(%w[a a])
    expect(backend.requests.map(&:target)).to eq(["/b/before?1", "/a/after?2"])
  end

  it "shows its name as the Host, unless headers say otherwise" do
    backend = start_backend
    proxy = start_proxy do
      upstream :app, backends: [backend.address]
      location("/own") { proxy to: "http://app{path}", headers: { "Host" => { rewrite: "{host}" } } }
      proxy to: "http://app{path}"
    end
    proxy.get("/", "Host" => "shop.example")
    proxy.get("/own", "Host" => "shop.example")
    expect(backend.requests.map { |request| request["Host"] }).to eq(["app", "shop.example"])
  end

  it "is one set of backends for all that name it: turns, connections and figures" do
    backends = %w[a b].map { |name| backend_answering(name) }
    addresses = backends.map(&:address)
    proxy = start_proxy do
      upstream "app", backends: addresses
      location("/one") { proxy to: "http://app{path}" }
      location("/two") { proxy to: "http://app{path}" }
    end
    client = proxy.connect
    bodies = Array.new(10) { |n| client.get(n.even? ? "/one" : "/two").body }
    expect(bodies.tally).to eq("a" => 5, "b" => 5)
    expect(backends.map(&:connections)).to eq([1, 1])
    eventually do
      figures = proxy.stats[:backends].map { |backend| backend.slice(:upstream, :address, :requests) }
      expect(figures).to eq(addresses.map { |address| { upstream: "app", address: address, requests: 5 } })
    end
  end

  it "speaks TLS for an https target, with each backend's own name" do
    names = Array.new(2) { start_backend(tls: certs.server_context(certs.server("localhost"))) }
    ca_file = certs.ca_file
    addresses = names.map { |backend| "localhost:#{backend.port}" }
    proxy = start_proxy do
      upstream "app", backends: addresses, ca_file: ca_file
      proxy to: "https://app{path}"
    end
    expect(Array.new(2) { proxy.get.status }).to eq([200, 200])
    expect(names.flat_map(&:handshakes).map(&:server_name)).to eq(%w[localhost localhost])
  end

  it "keeps to its own keepalive" do
    backend = start_backend
    proxy = start_proxy do
      upstream "app", backends: [backend.address], keepalive: 0
      proxy to: "http://app{path}"
    end
    2.times { proxy.get }
    expect(backend.connections).to eq(2)
  end

  it "may judge requests for forward_auth too" do
    judges = Array.new(2) { backend_answering("yes") }
    addresses = judges.map(&:address)
    proxy = start_proxy do
      upstream "judges", backends: addresses
      forward_auth to: "http://judges/verify"
      static_response body: "hello"
    end
    expect(Array.new(4) { proxy.get.body }.uniq).to eq(["hello"])
    expect(judges.map { |judge| judge.requests.length }).to eq([2, 2])
  end

  it "moves on from a backend that fails" do
    addresses = [refusing_backend, backend_answering("b")].map(&:address)
    proxy = start_proxy do
      upstream "app", backends: addresses
      proxy to: "http://app{path}"
    end
    expect(Array.new(6) { proxy.get.body }.uniq).to eq(["b"])
  end
end
