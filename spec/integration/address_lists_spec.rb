# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filters allow_list and deny_list" do
  it "let those pass that are listed, and those that are not" do
    proxy = start_proxy do
      location("/inside") { allow_list "10.0.0.0/8", "127.0.0.1" }
      location("/outside") { allow_list "10.0.0.0/8", ["192.0.2.7"] }
      location("/denied") { deny_list ["127.0.0.0/8"] }
      location("/spared") { deny_list "10.0.0.0/8", "::1" }
      static_response body: "ok"
    end
    paths = %w[/inside /outside /denied /spared /]

    expect(paths.map { |path| proxy.get(path).status }).to eq([200, 403, 403, 200, 200])
  end

  it "all hold where scopes are nested" do
    proxy = start_proxy do
      allow_list "127.0.0.0/8"
      location "/denied/*" do
        deny_list "127.0.0.1"
        location("/denied/allowed") { allow_list "127.0.0.1" }
      end
      location("/narrow") { allow_list "10.0.0.1" }
      static_response body: "ok"
    end
    paths = %w[/ /denied/x /denied/allowed /narrow]

    expect(paths.map { |path| proxy.get(path).status }).to eq([200, 403, 403, 403])
  end

  it "take nobody's word for an address" do
    proxy = start_proxy do
      allow_list "192.0.2.0/24"
      static_response body: "ok"
    end
    spoofed = { "X-Forwarded-For" => "192.0.2.1", "X-Real-IP" => "192.0.2.1", "Forwarded" => "for=192.0.2.1" }

    expect(proxy.get("/", spoofed).status).to eq(403)
  end

  it "know an IPv6 client" do
    proxy = start_proxy(bind: "http://[::1]:0") do
      location("/allowed") { allow_list "::1" }
      location("/denied") { deny_list "::/64" }
      static_response body: "ok"
    end

    expect([proxy.get("/allowed").status, proxy.get("/denied").status]).to eq([200, 403])
  end

  it "have no client of a unix socket on them" do
    proxy = start_proxy(bind: "unix://#{directory}/proxy.sock") do
      location("/allowed") { allow_list "0.0.0.0/0", "::/0" }
      location("/denied") { deny_list "0.0.0.0/0", "::/0" }
      static_response body: "ok"
    end

    expect(%w[/allowed /denied].map { |path| RawClient.request(proxy.url, "GET", path).status }).to eq([403, 200])
  end

  it "refuse without a backend connection, without waiting for the body, and with a response of one's own" do
    backend = start_backend
    proxy = start_proxy do
      deny_list "127.0.0.1", error_response: { status: 404, plaintext: "nobody here" }
      proxy backends: [backend.address]
    end
    client = proxy.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    response = client.read_response

    expect([response.status, response.body, backend.connections]).to eq([404, "nobody here", 0])
  end

  it "hold every request of a connection" do
    proxy = start_proxy do
      location("/admin/*") { deny_list "127.0.0.1" }
      static_response body: "ok"
    end
    client = proxy.connect

    expect(%w[/ /admin/x /].map { |path| client.get(path).status }).to eq([200, 403, 200])
  end
end
