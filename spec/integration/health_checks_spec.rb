# frozen_string_literal: true

require "support/integration"

RSpec.describe "health_check" do
  # What the checks found out about each backend, once they have.
  def found(proxy)
    eventually { expect(proxy.stats[:backends].map { |backend| backend[:check] }).to all(be_a(Hash)) }
    proxy.stats[:backends].map { |backend| backend[:check].values_at(:healthy, :error) }
  end

  it "asks what was written, of every backend" do
    backends = Array.new(2) { start_backend }
    check = { path: "/up?deep=1", method: :options, headers: { "X-Key" => "k" }, interval: 0.1 }
    proxy = start_proxy(to: backends, health_check: check)
    expect(found(proxy)).to eq([[true, nil]] * 2)
    backends.each do |backend|
      request = backend.request
      expect([request.method_name, request.target]).to eq(["OPTIONS", "/up?deep=1"])
      expect(%w[Host User-Agent X-Key Connection].map { |name| request[name] })
        .to eq([backend.address, "proxy-health-check", "k", "close"])
    end
  end

  it "takes status codes, ranges, text and patterns" do
    backend = start_backend { |connection| connection.answer_all("All is\nFINE") }
    results = [{ status: 204 }, { status: [204, 200..299] }, { body: "is fine" }, { body: /^fine$/i },
               { body: /is.FINE/ }].map do |option|
      found(start_proxy(to: backend, health_check: { interval: 0.1, fall: 1, **option }))
    end
    failed = "the body does not hold what it should"
    expect(results.flatten(1))
      .to match([[false, "the answer is a 200"], [true, nil], [false, failed], [true, nil], [false, failed]])
  end

  it "asks over TLS and over unix sockets as requests do" do
    secure = start_backend(tls: certs.server_context(certs.server("backend.test")))
    socket = start_backend(unix: "#{directory}/app.sock")
    addresses = ["https://#{secure.address}", socket.address]
    ca_file = certs.ca_file
    proxy = start_proxy do
      proxy to: "http://backend.test{path}", backends: addresses, ca_file: ca_file, health_check: {
        interval: 0.1, fall: 1
      }
    end
    expect(found(proxy)).to eq([[true, nil], [true, nil]])
    expect(secure.handshakes.first.server_name).to eq("backend.test")
  end

  it "is content with a connection, to another port if it is told so" do
    other = start_backend
    port = other.port
    checks = { interval: 0.1, fall: 1, tcp: true }
    expect(found(start_proxy(to: refusing_backend, health_check: checks))).to eq([[false, "connection refused"]])
    expect(found(start_proxy(to: refusing_backend, health_check: { port: port, **checks }))).to eq([[true, nil]])
    expect(other.requests).to be_empty
  end
end

RSpec.describe "busy backends" do
  it "let requests wait for their turn, and no more of them than the queue takes" do
    finish = Queue.new
    backend = start_backend do |connection|
      while (request = connection.read_request)
        finish.pop
        connection.answer(request.target)
      end
    end
    proxy = start_proxy(to: { address: backend.address, max_connections: 1 }, threads: 2, queue: 2)
    clients = %w[/1 /2 /3].each_with_index.map do |target, waiting|
      proxy.connect.tap do |client|
        client.send_request("GET", target)
        waiting.zero? ? backend.await_requests(1) : eventually do
          expect(proxy.stats[:requests][:queued]).to eq(waiting)
        end
      end
    end
    expect(proxy.get("/4").status).to eq(503)
    3.times { finish << true }
    expect(clients.map { |client| client.read_response.body }).to eq(%w[/1 /2 /3])
    expect(backend.requests.map(&:target)).to eq(%w[/1 /2 /3])
  end
end
