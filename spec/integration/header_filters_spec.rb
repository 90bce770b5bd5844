# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filters request_headers and response_headers" do
  it "remove and add fields of the request before a handler sees it" do
    backend = start_backend
    proxy = start_proxy do
      request_headers additions: { "X-Client" => "{addr}", "X-Tag" => %w[one two] }, removals: ["Cookie", "X-Tag"]
      proxy backends: [backend.address]
    end
    proxy.get("/", "Cookie" => "a=1", "X-Tag" => "forged", "X-Client" => "forged")

    expect(backend.requests.first.all("X-Client")).to eq(["forged", "127.0.0.1"])
    expect(backend.requests.first.all("X-Tag")).to eq(%w[one two])
    expect(backend.requests.first["Cookie"]).to be_nil
  end

  it "keep what they add when the client names it in Connection" do
    backend = start_backend
    proxy = start_proxy do
      request_headers additions: { "X-User" => "alice" }, removals: ["X-User"]
      proxy backends: [backend.address]
    end
    proxy.get("/", "Connection" => "X-User, X-Other", "X-User" => "mallory", "X-Other" => "1")

    expect(backend.requests.first.all("X-User")).to eq(["alice"])
    expect(backend.requests.first["X-Other"]).to be_nil
  end

  it "change every response, whoever made it, inner filters first" do
    backend = backend_answering("hello", { "X-Powered-By" => "rack", "X-Seen" => "backend" })
    refusing = refusing_backend
    proxy = start_proxy do
      response_headers additions: { "X-Order" => "outer {X-Order}" }, removals: ["X-Powered-By"]
      location "/static" do
        response_headers additions: { "X-Order" => "inner {status}" }
        static_response body: "hi"
      end
      location("/broken") { proxy backends: [refusing.address] }
      location("/nothing") { response_headers additions: { "X-Order" => "inner" } }
      location("/backend") { proxy backends: [backend.address] }
    end

    expect(proxy.get("/static").all("X-Order")).to eq(["inner 200", "outer inner 200"])
    expect(proxy.get("/broken")).to have_attributes(status: 502, to_s: include("X-Order: outer {X-Order}\r\n"))
    expect(proxy.get("/nothing").all("X-Order")).to eq(["inner", "outer inner"])
    expect(proxy.get("/nowhere").status).to eq(404)
    response = proxy.get("/backend")
    expect([response["X-Powered-By"], response["X-Seen"], response.body]).to eq([nil, "backend", "hello"])
  end
end
