# frozen_string_literal: true

require "support/integration"

RSpec.describe "backend connections" do
  it "are not kept with keepalive: 0" do
    backend = start_backend
    proxy = start_proxy(to: backend, keepalive: 0)
    3.times { proxy.get }
    expect(backend.connections).to eq(3)
    backend.await_open_connections(0)
  end

  it "are closed after keepalive_timeout" do
    backend = start_backend
    proxy = start_proxy(to: backend, keepalive_timeout: 0.2)
    proxy.get
    backend.await_open_connections(0)
    expect(proxy.get.status).to eq(200)
    expect(backend.connections).to eq(2)
  end
end
