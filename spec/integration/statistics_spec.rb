# frozen_string_literal: true

require "support/integration"

RSpec.describe "server.stats" do
  it "counts answers by class" do
    backend = start_backend do |connection|
      while (request = connection.read_request)
        connection.answer("", status: "#{request.target.delete_prefix('/')} Whatever")
      end
    end
    proxy = start_proxy(to: backend)
    client = proxy.connect
    [200, 201, 302, 404, 500, 503].each { |status| client.get("/#{status}") }
    counted = { total: 6, in_flight: 0, status_2xx: 2, status_3xx: 1, status_4xx: 1, status_5xx: 2 }
    eventually { expect(proxy.stats[:requests]).to include(counted) }
  end

  it "counts connections" do
    proxy = start_proxy { static_response body: "ok" }
    clients = Array.new(3) { proxy.connect }
    clients.each(&:get)
    expect(proxy.stats[:connections]).to eq(accepted: 3, active: 3, handshakes_failed: 0)
  end

  it "counts requests and failures of every backend" do
    good = start_backend.address
    bad = start_backend { |connection| connection.read_request && connection.close }.address
    proxy = start_proxy { proxy backends: [bad, good], backend_priority: "ordered" }
    3.times { proxy.get }
    counted = { bad => { requests: 3, failures: 3, in_flight: 0 }, good => { requests: 3, failures: 0, in_flight: 0 } }
    eventually do
      backends = proxy.stats[:backends].to_h do |backend|
        [backend[:address], backend.slice(:requests, :failures, :in_flight)]
      end
      expect(backends).to eq(counted)
    end
  end

  it "shows what is in flight" do
    finish = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      finish.pop
      connection.answer
    end
    proxy = start_proxy(to: backend)
    client = proxy.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    expect([proxy.stats[:requests][:in_flight], proxy.stats[:backends][0][:in_flight]]).to eq([1, 1])
    finish << true
    client.read_response
  end
end
