# frozen_string_literal: true

require "support/integration"

# Real processes behind the proxy, killed and started again.
RSpec.describe "killed backends", time_limit: 60 do
  # A Puma that answers its name, at the same port whenever it is started.
  def start_named(name, port: 0)
    rackup = File.expand_path("../support/apps/named.ru", __dir__)
    process = ChildProcess
              .new({ "NAME" => name }, "puma", "--no-config", "--threads", "0:16", "--bind", "tcp://127.0.0.1:#{port}",
                   rackup)
    (@started ||= []) << process
    address = process.await_output(%r{Listening on http://(\S+)})[1]
    process.await_output(/Ctrl-C/)
    [process, address]
  end

  def state(proxy, index) = proxy.stats[:backends][index][:state]

  # So many connections that send one request after the other until the block is done: the bodies and how often they
  # came.
  def under_load(proxy, connections)
    stop = false
    counts = Hash.new(0)
    lock = Mutex.new
    clients = Array.new(connections) { proxy.connect(limit: 15) }
    load = clients.map do |client|
      in_background do
        until stop
          response = client.get
          lock.synchronize { counts[[response.status, response.body]] += 1 }
        end
      end
    end
    yield ->(wanted) { eventually(limit: 20) { expect(lock.synchronize { wanted.call(counts.dup) }).to be(true) } }
    stop = true
    load.each(&:value)
    counts
  ensure
    stop = true
    clients&.each(&:close)
  end

  it "cost no request while two others live" do
    backends = %w[one two three].map { |name| start_named(name) }
    addresses = backends.map(&:last)
    proxy = start_proxy(threads: 2) do
      log_level :error
      proxy backends: addresses
    end
    counts = under_load(proxy, 200) do |await|
      await.call(->(seen) { %w[one two three].all? { |name| seen[[200, name]] > 100 } })
      backends[0][0].signal(:KILL)
      before = proxy.stats[:backends][0][:failures]
      await.call(->(_) { proxy.stats[:backends][0][:failures] > before })
      total = proxy.stats[:requests][:total]
      await.call(->(_) { proxy.stats[:requests][:total] > total + 1000 })
    end
    expect(counts.keys).to contain_exactly([200, "one"], [200, "two"], [200, "three"])
  end

  it "leave after fall checks, come back after rise, and get their share step by step" do
    one, address = start_named("one")
    _, second = start_named("two")
    proxy = start_proxy do
      log_level :error
      proxy backends: [{ address: address, slow_start: 3600 }, second],
            health_check: { path: "/healthz", interval: 0.1, timeout: 1, rise: 2, fall: 3 }
    end
    share = -> { Array.new(40) { proxy.get.body }.count("one") }
    eventually { expect(proxy.stats[:backends].map { |backend| backend[:check]&.fetch(:healthy) }).to eq([true, true]) }
    expect(share.call).to eq(20)

    one.stop
    eventually { expect(state(proxy, 0)).to eq("unhealthy") }
    expect(proxy.stats[:backends][0][:check]).to include(healthy: false, error: "connection refused")
    failures = proxy.stats[:backends][0][:failures]
    expect([share.call, proxy.stats[:backends][0][:failures]]).to eq([0, failures])

    start_named("one", port: address[/\d+\z/])
    eventually { expect(state(proxy, 0)).to eq("ready") }
    # A tenth of its weight, by chance: 200 / 11.
    expect(Array.new(5) { share.call }.sum).to be_between(1, 45)
  end

  it "are a 503 at once when none is left, until one is back" do
    backends = %w[one two].map { |name| start_named(name) }
    addresses = backends.map(&:last)
    proxy = start_proxy do
      log_level :error
      proxy backends: addresses, health_check: { path: "/healthz", interval: 0.1, timeout: 1 }
    end
    eventually { expect([state(proxy, 0), state(proxy, 1)]).to eq(%w[ready ready]) }
    backends.each { |process, _| process.stop }
    eventually { expect([state(proxy, 0), state(proxy, 1)]).to eq(%w[unhealthy unhealthy]) }
    expect(proxy.get.status).to eq(503)
    expect(seconds { proxy.get }).to be < 1

    start_named("two", port: addresses[1][/\d+\z/])
    eventually { expect(proxy.get.body).to eq("two") }
  end
end
