# frozen_string_literal: true

require "support/integration"

RSpec.describe "backend_priority" do
  # A backend that answers as soon as the queue lets it.
  def waiting_backend(finish)
    start_backend do |connection|
      while connection.read_request
        finish.pop
        connection.answer("slow")
      end
    end
  end

  def addresses_of(*names) = names.map { |name| backend_answering(name).address }

  it "round_robin gives weights of 3 and 1 exactly 300 and 100 of 400 requests" do
    heavy, light = addresses_of("heavy", "light")
    proxy = start_proxy(to: [{ address: heavy, weight: 3 }, light], threads: 2)
    clients = Array.new(4) { proxy.connect }
    bodies = Array.new(400) { |n| clients[n % 4].get.body }
    expect(bodies.tally).to eq("heavy" => 300, "light" => 100)
    expect(bodies.each_cons(4).map { |four| four.count("light") }.uniq).to eq([1])
  end

  it "least_conn sends a slow backend the fewer" do
    finish = Queue.new
    slow = waiting_backend(finish)
    fast = backend_answering("fast")
    proxy = start_proxy(to: [slow, fast], backend_priority: :least_conn)
    # One of them begins with the fast one, for turns begin anywhere.
    waiting = Array.new(2) { in_background { proxy.get.body } }
    # Both, before others are sent: two at the fast one would send the next to the slow one.
    [slow, fast].each { |backend| backend.await_requests(1) }
    # An answer arrives a moment before it is no longer counted.
    idle = -> { eventually { expect(proxy.stats[:backends][1]).to include(in_flight: 0) } }
    expect(Array.new(20) { idle.call && proxy.get.body }.uniq).to eq(["fast"])
    finish << true
    expect(waiting.map(&:value)).to contain_exactly("slow", "fast")
  end

  it "random_two reaches every backend" do
    addresses = addresses_of("a", "b", "c")
    proxy = start_proxy(to: addresses, backend_priority: :random_two)
    client = proxy.connect
    expect(Array.new(120) { client.get.body }.uniq).to contain_exactly("a", "b", "c")
  end

  it "ip_hash sends a client to the same backend, whatever it asks for" do
    addresses = addresses_of("a", "b", "c")
    proxy = start_proxy(to: addresses, backend_priority: :ip_hash)
    expect(Array.new(10) { |n| proxy.get("/#{n}").body }.uniq.length).to eq(1)
  end

  it "hash sends the same value to the same backend, and spreads the values" do
    addresses = addresses_of("a", "b", "c")
    proxy = start_proxy(to: addresses, backend_priority: { hash: "{X-Tenant}" })
    client = proxy.connect
    backend_of = ->(tenant) { client.get("/", "X-Tenant" => tenant).body }
    tenants = Array.new(40, &:to_s)
    first = tenants.map(&backend_of)
    expect(first.uniq).to contain_exactly("a", "b", "c")
    expect(tenants.map(&backend_of)).to eq(first)
  end

  it "hash sees the request as the client sent it" do
    addresses = addresses_of("a", "b", "c")
    proxy = start_proxy do
      proxy to: "http://app.example{path}", backends: addresses, backend_priority: { hash: "{host}{path}" },
            headers: { "Host" => "fixed" }, path_prefix: "/app", strip_prefix: true
    end
    bodies = Array.new(20) { |n| proxy.get("/app/x", "Host" => "#{n}.example").body }
    expect(bodies.uniq.length).to be > 1
  end

  it "hash takes captures of the location around it, and of those around the users of an upstream" do
    addresses = addresses_of("a", "b", "c")
    proxy = start_proxy do
      upstream "app", backends: addresses, backend_priority: { hash: "{tenant}" }
      location("/own/:tenant/*") { proxy backends: addresses, backend_priority: { hash: "{tenant}" } }
      location("/named/:tenant/*") { proxy to: "http://app{path}" }
    end
    tenants = Array.new(40, &:to_s)
    own, named = %w[own named].map { |kind| tenants.map { |tenant| proxy.get("/#{kind}/#{tenant}/#{rand}").body } }
    expect(own.uniq).to contain_exactly("a", "b", "c")
    expect(named).to eq(own)
  end

  describe "sticky" do
    def cookie_of(response) = response["Set-Cookie"]&.slice(/\A[^;]+/)

    it "ties a client to the backend that answered it first, and sets no cookie twice" do
      addresses = addresses_of("a", "b", "c")
      proxy = start_proxy(to: addresses, backend_priority: { sticky: :backend })
      first = proxy.get
      expect(first["Set-Cookie"]).to match(%r{\Abackend=\h{32}; Path=/; HttpOnly; SameSite=Lax\z})
      again = Array.new(6) { proxy.get("/", "Cookie" => "a=b; #{cookie_of(first)}") }
      expect(again.map(&:body).uniq).to eq([first.body])
      expect(again.map { |response| response["Set-Cookie"] }.uniq).to eq([nil])
    end

    it "takes a forged cookie for none" do
      addresses = addresses_of("a", "b")
      proxy = start_proxy(to: addresses, backend_priority: { sticky: "backend" })
      forged = Array.new(4) { proxy.get("/", "Cookie" => "backend=#{"0" * 32}") }
      expect(forged.map(&:body)).to eq(%w[a b a b]).or eq(%w[b a b a])
      expect(forged.map { |response| cookie_of(response) }).to all(match(/\Abackend=\h{32}\z/))
    end

    it "ties a client to another backend when its own fails" do
      backends = %w[a b].map { |name| backend_answering(name) }
      proxy = start_proxy(to: backends, backend_priority: { sticky: "backend" })
      first = proxy.get
      backends.find { |backend| first.body == (backend == backends[0] ? "a" : "b") }.stop
      second = proxy.get("/", "Cookie" => cookie_of(first))
      expect([second.status, second.body == first.body]).to eq([200, false])
      expect(cookie_of(second)).not_to eq(cookie_of(first))
      third = proxy.get("/", "Cookie" => cookie_of(second))
      expect([third.body, third["Set-Cookie"]]).to eq([second.body, nil])
    end

    it "is understood by another proxy with the same secret" do
      addresses = addresses_of("a", "b", "c")
      proxies = Array.new(2) do
        start_proxy do
          proxy backends: addresses, backend_priority: { sticky: "backend", secret: "0123456789abcdef" }
        end
      end
      first = proxies[0].get
      expect(Array.new(3) { proxies[1].get("/", "Cookie" => cookie_of(first)).body }.uniq).to eq([first.body])
    end

    it "stands beside the backend's own cookies" do
      backend = backend_answering("a", { "Set-Cookie" => "session=1" })
      proxy = start_proxy(to: backend, backend_priority: { sticky: "backend" })
      expect(proxy.get.all("Set-Cookie")).to match(["session=1", /\Abackend=/])
    end
  end

  it "uses a backup only while the others fail" do
    primary = backend_answering("primary")
    backup = backend_answering("backup")
    proxy = start_proxy(to: [{ address: backup.address, backup: true }, primary])
    expect(Array.new(5) { proxy.get.body }.uniq).to eq(["primary"])
    primary.stop
    expect(Array.new(5) { proxy.get.body }.uniq).to eq(["backup"])
  end
end
