# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filter mirror" do
  def mirroring(backend, shadow, **options)
    stable, shadow = [backend, shadow].map(&:address)
    start_proxy do
      upstream "shadow", backends: [shadow]
      mirror("shadow", **options)
      proxy backends: [stable]
    end
  end

  it "sends Puma copies of requests, and drops what it answers" do
    backend = backend_answering("app")
    proxy = mirroring(backend, puma)
    client = proxy.connect
    bodies = Array.new(5) { |number| client.request("PUT", "/#{number}", {}, "body #{number}").body }
    expect(bodies).to all(eq("app"))
    copies = -> { proxy.stats[:backends].find { |one| one[:upstream] == "shadow" }.values_at(:requests, :in_flight) }
    eventually { expect(copies.call).to eq([5, 0]) }
    expect(proxy.stats[:requests][:total]).to eq(5)
  end

  it "copies only the methods that are written" do
    backend, shadow = Array.new(2) { start_backend }
    proxy = mirroring(backend, shadow, methods: %w[POST], max_body: 10)
    proxy.get("/get")
    proxy.post("/long", "longer than ten bytes")
    proxy.post("/post", "short")
    eventually { expect(shadow.requests.length).to eq(1) }
    copy = shadow.requests.first
    expect(copy.start_line).to eq("POST /post HTTP/1.1")
    expect(copy.fields).to include(%w[X-Mirrored 1])
  end
end
