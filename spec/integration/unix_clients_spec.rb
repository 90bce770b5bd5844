# frozen_string_literal: true

require "support/integration"

RSpec.describe "a client of a unix socket" do
  it "has no address that a backend could be told, and cannot name one itself" do
    backend = start_backend
    proxy = start_proxy(to: backend, bind: "unix://#{directory}/proxy.sock")
    RawClient.request(proxy.url, "GET", "/", "X-Forwarded-For" => "192.0.2.1", "X-Real-IP" => "192.0.2.1")
    names = backend.request.names
    expect(names).to include("x-forwarded-proto").and(satisfy { |all| (all & %w[x-forwarded-for x-real-ip]).empty? })
  end
end
