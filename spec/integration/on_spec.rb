# frozen_string_literal: true

require "support/integration"

RSpec.describe "on" do
  let(:heard) { Queue.new }

  # The next event, without the time.
  def event = heard.pop.to_h.tap { |facts| expect(facts.delete(:since)).to be_within(30).of(Time.now) if facts[:since] }

  it "hears that health checks take a backend out and bring it back" do
    gate = Queue.new
    backend = start_backend do |connection|
      connection.answer("", {}, status: gate.empty? ? "200 OK" : "503 No") while connection.read_request
    end
    address = backend.address
    events = heard
    start_proxy do
      on(:backend_down, :backend_up) { |event| events << event }
      upstream "app", backends: [address], health_check: { path: "/up", interval: 0.05, rise: 1, fall: 1 }
      proxy to: "http://app"
    end
    gate << true
    expect(event).to match(name: :backend_down, upstream: "app", backend: address,
                           why: /\Ais unhealthy: 1 check failed/)
    gate.clear
    expect(event).to eq(name: :backend_up, upstream: "app", backend: address, why: "is healthy: 1 check succeeded")
  end

  it "hears that failed requests eject a backend, and that it is back" do
    # It answers nothing to its first request.
    failing, backend = true, start_backend
    weak = start_backend do |connection|
      next failing = false if connection.read_request && failing

      connection.answer("weak")
      connection.answer("weak") while connection.read_request
    end
    addresses = [weak.address, backend.address]
    events = heard
    proxy = start_proxy do
      on(:backend_down, :backend_up) { |event| events << event }
      upstream "app", backends: addresses, backend_priority: :ordered, max_fails: 1, fail_timeout: 0.05
      proxy to: "http://app"
    end
    expect(proxy.get.status).to eq(200)
    expect(event).to match(name: :backend_down, upstream: "app", backend: weak.address,
                           why: /\Ais ejected for 50ms: 1 attempt/)
    eventually { expect(proxy.get.body).to eq("weak") }
    expect(event).to eq(name: :backend_up, upstream: "app", backend: weak.address, why: "is back: a request succeeded")
  end

  it "hears of down and ready, once for each backend whose service changes" do
    first, second = start_backend.address, start_backend.address
    events = heard
    proxy = start_proxy do
      on(:backend_down) { |event| events << event }
      on(:backend_up) { |event| events << event }
      upstream "app", backends: [first, second]
      proxy to: "http://app"
    end
    proxy.server.down("app/#{first}")
    expect(event).to eq(name: :backend_down, upstream: "app", backend: first, why: "is down now, as was asked for")
    proxy.server.down("app")
    expect(event).to include(name: :backend_down, backend: second)
    proxy.server.drain("app/#{first}")
    expect(event).to include(name: :backend_up, backend: first, why: "is draining now, as was asked for")
    proxy.server.ready("app")
    expect(event).to include(name: :backend_up, backend: second)
    expect(heard).to be_empty
  end

  it "hears of a reload, with the block of the new configuration" do
    events = heard
    proxy = start_proxy do
      on(:reload) { events << :old }
      static_response body: "1"
    end
    proxy.server.reload do
      bind "http://127.0.0.1:0"
      on(:reload) { |event| events << event }
      static_response body: "2"
    end
    expect(event).to eq(name: :reload)
    expect { proxy.server.reload { proxy backend: "x" } }.to raise_error(Proxy::ConfigurationError)
    proxy.server.reload do
      bind "http://127.0.0.1:0"
      static_response body: "3"
    end
    expect(heard).to be_empty
  end

  it "hears of certificates that end soon, at the start and at a reload" do
    pair = certs.server("app.example.test")
    events = heard
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file
      on(:certificate_expiring, days: 3650) { |event| events << event }
      on(:certificate_expiring, days: 0) { |event| events << event }
      static_response body: "1"
    end
    expiring = { name: :certificate_expiring, bind: "https://127.0.0.1:0", names: ["app.example.test"] }
    2.times do
      found = event
      expect(found.delete(:expires)).to be_within(3650 * 86_400).of(Time.now)
      expect(found).to eq(expiring)
      proxy.server.reload
    end
  end

  it "is told what is wrong with it, all at once" do
    problems = Proxy.check do
      on { nil }
      on(:backend_dwon) { nil }
      on :reload
      on(:reload, days: 3) { nil }
      location("/*") { on(:reload) { nil } }
      static_response body: "1"
    end
    expect(problems.map { |problem| "#{problem.directive}: #{problem.message}" }).to eq([
      'on: there is no event: write "backend_down", "backend_up", "reload" or "certificate_expiring"',
      'on: :backend_dwon is unknown (did you mean "backend_down"?): ' \
      'write "backend_down", "backend_up", "reload" or "certificate_expiring"',
      "on: has no block: write on :backend_down do |event| … end",
      "on: days: is for certificates only: write on :certificate_expiring, or leave it out",
      "on: belongs outside of every location: move it to the top level"
    ])
  end
end
