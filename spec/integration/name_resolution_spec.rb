# frozen_string_literal: true

require "support/integration"

RSpec.describe "backend names" do
  # Backends on one port of 127.0.0.1 and 127.0.0.2, so that a name's address alone decides between them.
  def neighbours
    first = backend_answering("first", {}, host: "127.0.0.1")
    [first, backend_answering("second", {}, host: "127.0.0.2", port: first.port)]
  end

  def await_body(proxy, body)
    Timeout.timeout(5) { nil until proxy.get.body == body }
  end

  it "in to are resolved by the resolver" do
    dns = start_dns
    port = start_backend.port
    dns.answer "app.test", ["127.0.0.1"]
    proxy = start_proxy do
      resolver dns.address
      proxy to: "http://app.test:#{port}{path}{query}"
    end
    expect(proxy.get.body).to eq("ok")
  end

  it "in backends are resolved by the resolver" do
    dns = start_dns
    backend = start_backend
    dns.answer "app.test", ["127.0.0.1"]
    proxy = start_proxy do
      resolver dns.address
      proxy backends: ["app.test:#{backend.port}"]
    end
    expect(proxy.get.body).to eq("ok")
    expect(backend.request["Host"]).to eq("app.test:#{backend.port}")
  end

  it "may have several addresses, each a backend of its own" do
    dns = start_dns
    port = neighbours.first.port
    dns.answer "app.test", ["127.0.0.1", "127.0.0.2"]
    proxy = start_proxy do
      resolver dns.address
      proxy backends: ["app.test:#{port}"]
    end
    expect(Array.new(10) { proxy.get.body }.tally).to eq("first" => 5, "second" => 5)
  end

  [%w[127.0.0.1 127.0.0.2], %w[127.0.0.1 ::1], %w[::1 127.0.0.1]].each do |silent, good|
    it "cost a moment, not connect_timeout, when #{silent} takes no connections and #{good} does" do
      dns = start_dns
      port = silent_backend(host: silent).port
      backend_answering("good", {}, host: good, port: port)
      dns.answer "app.test", [silent, good]
      proxy = start_proxy do
        resolver dns.address
        proxy backends: ["app.test:#{port}"], connect_timeout: 30, timeout: 30, retries: 0
      end
      took = Array.new(6) { seconds { expect(proxy.get.body).to eq("good") } }
      expect(took.sum).to be < 5
      expect(took.count { |time| time > 0.2 }).to be <= 3
    end
  end

  it "fail once none of their addresses takes a connection within connect_timeout, which is for all of them" do
    dns = start_dns
    port = silent_backend(host: "127.0.0.1").port
    silent_backend(host: "127.0.0.2", port: port)
    dns.answer "app.test", ["127.0.0.1", "127.0.0.2"]
    proxy = start_proxy do
      resolver dns.address
      proxy backends: ["app.test:#{port}"], connect_timeout: 0.6, retries: 0
    end
    status = nil
    expect(seconds { status = proxy.get.status }).to be_between(0.5, 2)
    expect(status).to eq(504)
    expect(proxy.stats[:backends].map { |backend| backend[:in_flight] }).to eq([0, 0])
  end

  it "may have an IPv6 address" do
    dns = start_dns
    port = start_backend(host: "::1").port
    dns.answer "app.test", ["::1"]
    proxy = start_proxy do
      resolver dns.address
      proxy backends: ["app.test:#{port}"]
    end
    expect(proxy.get.body).to eq("ok")
  end

  it "are resolved again when their time to live is over, and changed answers are followed" do
    dns = start_dns
    port = neighbours.first.port
    dns.answer "app.test", ["127.0.0.1"], ttl: 1
    proxy = start_proxy do
      resolver dns.address
      proxy to: "http://app.test:#{port}{path}"
    end
    expect(proxy.get.body).to eq("first")
    dns.answer "app.test", ["127.0.0.2"], ttl: 1
    dns.await_queries("app.test", 2)
    await_body(proxy, "second")
  end

  it "keep their old addresses while the resolver fails" do
    dns = start_dns
    port = start_backend.port
    dns.answer "app.test", ["127.0.0.1"], ttl: 1
    proxy = start_proxy do
      resolver dns.address
      proxy backends: ["app.test:#{port}"]
    end
    expect(proxy.get.body).to eq("ok")
    dns.failing = true
    dns.await_queries("app.test", 2)
    expect(proxy.get.body).to eq("ok")
  end

  it "are not asked for again while their time to live lasts" do
    dns = start_dns
    port = start_backend.port
    dns.answer "app.test", ["127.0.0.1"], ttl: 300
    proxy = start_proxy do
      resolver dns.address
      proxy backends: ["app.test:#{port}"]
    end
    proxy.get
    asked = dns.queries("app.test")
    20.times { proxy.get }
    expect(dns.queries("app.test")).to eq(asked)
  end

  it "that do not exist are answered 502" do
    dns = start_dns
    proxy = start_proxy do
      resolver dns.address
      proxy to: "http://nowhere.test{path}"
    end
    expect(proxy.get.status).to eq(502)
  end

  it "may depend on the request" do
    dns = start_dns
    backend = start_backend
    dns.answer "shop.internal.test", ["127.0.0.1"]
    proxy = start_proxy do
      resolver dns.address
      proxy to: "http://{X-Site}.internal.test:#{backend.port}{path}"
    end
    expect(proxy.get("/", "X-Site" => "shop").body).to eq("ok")
    expect(proxy.get("/", "X-Site" => "unknown").status).to eq(502)
    expect(backend.request["Host"]).to eq("shop.internal.test:#{backend.port}")
  end

  describe "of a service (_service._tcp.)" do
    let(:dns) { start_dns }
    let(:backends) { %w[heavy light backup].map { |name| backend_answering(name) } }

    before do
      backends.zip([[10, 3], [10, 1], [20, 1]], %w[a b c]) do |backend, (priority, weight), host|
        dns.answer "#{host}.test", ["127.0.0.1"]
        (@services ||= []) << [priority, weight, backend.port, "#{host}.test"]
      end
    end

    def start_proxy_to_service
      address = dns.address
      start_proxy do
        resolver address
        proxy backends: ["_http._tcp.app.test"]
      end
    end

    it "are asked for by SRV, which says ports, weights and who is a backup" do
      dns.answer_service "_http._tcp.app.test", @services
      proxy = start_proxy_to_service
      expect(Array.new(8) { proxy.get.body }.tally).to eq("heavy" => 6, "light" => 2)
      expect(backends[0].request["Host"]).to eq("app.test")
      backends.first(2).each(&:stop)
      expect(proxy.get.body).to eq("backup")
    end

    it "are asked for again when the records' time to live is over" do
      dns.answer_service "_http._tcp.app.test", @services.first(1), ttl: 1
      proxy = start_proxy_to_service
      expect(proxy.get.body).to eq("heavy")
      dns.answer_service "_http._tcp.app.test", @services[1, 1], ttl: 1
      dns.await_queries("_http._tcp.app.test", 2)
      await_body(proxy, "light")
    end
  end
end
