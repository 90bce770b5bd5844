# frozen_string_literal: true

require "support/integration"

RSpec.describe "the states of backends" do
  # Two backends that answer their names, in this order of preference, and the proxy before them.
  def proxy_before_two
    start_proxy(to: [backend_answering("first"), backend_answering("second")], backend_priority: "ordered")
  end

  # Each backend as it is called, and its state.
  def states(proxy) =
    proxy.stats[:backends].to_h { |backend| [backend.values_at(:upstream, :address).join("/"), backend[:state]] }

  it "are set by name, and show in the figures" do
    proxy = proxy_before_two
    first, second = states(proxy).keys
    server = proxy.server

    expect(server.down(first)).to be(server)
    expect([states(proxy).values, proxy.get.body]).to eq([%w[down ready], "second"])
    server.drain(second).ready(first)
    expect([states(proxy).values, proxy.get.body]).to eq([%w[ready draining], "first"])
    server.ready(second)
    expect(states(proxy).values).to eq(%w[ready ready])
  end

  it "are set for all backends of an upstream at once, and none is left to answer: 503" do
    proxy = proxy_before_two
    upstream = proxy.stats[:backends][0][:upstream]

    proxy.server.down(upstream)
    expect([states(proxy).values, proxy.get.status]).to eq([%w[down down], 503])
    proxy.server.ready(upstream)
    expect([states(proxy).values, proxy.get.body]).to eq([%w[ready ready], "first"])
  end

  it "cannot be set for what is called otherwise; the error lists what there is" do
    proxy = proxy_before_two
    names = [proxy.stats[:backends][0][:upstream], *states(proxy).keys]

    expect { proxy.server.down("app/nobody") }
      .to raise_error(ArgumentError, "\"app/nobody\" is not a valid backend: write one of #{names.sort.join(", ")}")
  end

  it "are nothing to a server that has stopped" do
    proxy = proxy_before_two
    proxy.stop

    expect(proxy.server.down("anything")).to be(proxy.server)
  end

  it "show weight, backup and what the checks found" do
    proxy = start_proxy(to: start_backend, health_check: { path: "/healthz", interval: 0.1 })

    eventually do
      expect(proxy.stats[:backends]).to match([include(state: "ready", weight: 1, backup: false,
                                                       check: { healthy: true, since: be_within(10).of(Time.now.to_f),
                                                                error: nil })])
    end
  end
end
