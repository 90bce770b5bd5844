# frozen_string_literal: true

require "support/integration"

RSpec.describe "HTTP/2 to backends" do
  answer = "location / { return 200 \"$server_protocol $connection $scheme $http_host$uri\"; }"

  def secure_nginx(server, http2: true)
    pair = certs.server("app.test")
    start_nginx(<<~SERVER, tls: true, http2: http2)
      ssl_certificate #{pair.certificate_file};
      ssl_certificate_key #{pair.key_file};
      #{server}
    SERVER
  end

  def start_proxy_to(backend, **options)
    ca_file = certs.ca_file
    start_proxy { proxy to: "https://app.test{path}", backends: [backend.address], ca_file: ca_file, **options }
  end

  it "shares a connection with nginx, which sees the host and the path" do
    address = start_nginx(answer, http2: true).address
    proxy = start_proxy { proxy to: "http://app.test{path}", backends: ["h2://#{address}"] }
    answers = Array.new(5) { proxy.get("/a").body.split }
    expect(answers.map { |words| words.values_at(0, 2, 3) }.uniq).to eq([["HTTP/2.0", "http", "app.test/a"]])
    expect(answers.map { |words| words[1] }.uniq.length).to eq(1)
  end

  it "agrees on HTTP/2 in the TLS handshake with protocol: \"http2\" and \"auto\"" do
    nginx = secure_nginx(answer)
    %w[http2 auto].each do |protocol|
      expect(start_proxy_to(nginx, protocol: protocol).get("/a").body)
        .to start_with("HTTP/2.0").and end_with("https app.test/a")
    end
  end

  it "speaks HTTP/1.1 over TLS where nothing else is said, and where auto finds nothing else" do
    nginx = secure_nginx(answer)
    expect(start_proxy_to(nginx).get.body).to start_with("HTTP/1.1")
    older = secure_nginx(answer, http2: false)
    proxy = start_proxy_to(older, protocol: "auto")
    expect(Array.new(3) { proxy.get.body[/\A\S+ \S+/] }.uniq).to match([start_with("HTTP/1.1")])
  end

  it "refuses with protocol: \"http2\" a server that does not agree to it" do
    backend = start_backend(tls: certs.server_context(certs.server("app.test")))
    proxy = start_proxy_to(backend, protocol: "http2")
    expect(proxy.get.status).to eq(502)
    expect(backend.requests).to be_empty
  end

  it "sends bodies up and down" do
    app = start_puma
    echo = "location / { proxy_pass http://#{app.address}; proxy_request_buffering off; }"
    proxy = start_proxy_to(secure_nginx(echo), protocol: "http2")
    expect(proxy.post("/", "x" * 300_000).status).to eq(200)
  end

  it "opens a WebSocket over HTTP/1.1 with protocol: \"auto\"" do
    nginx = secure_nginx("location / { return 200 \"$server_protocol $http_upgrade\"; }")
    proxy = start_proxy_to(nginx, protocol: "auto")
    expect(proxy.get.body).to eq("HTTP/2.0 ")
    expect(proxy.get("/", "Connection" => "Upgrade", "Upgrade" => "websocket").body).to eq("HTTP/1.1 websocket")
  end

  it "checks a backend over HTTP/2" do
    address = start_nginx("location /healthz { if ($server_protocol != HTTP/2.0) { return 500; } return 204; }",
                          http2: true).address
    proxy = start_proxy do
      proxy backends: ["h2://#{address}"], health_check: { path: "/healthz", interval: 0.1, rise: 1, fall: 1 }
    end
    eventually { expect(proxy.server.stats[:backends].first[:check]).to include(healthy: true) }
  end

  it "warns of protocol: \"auto\" where there is no TLS" do
    messages = Proxy.check { proxy backends: ["127.0.0.1:3001"], protocol: :auto }.map(&:message)
    expect(messages)
      .to include(/\Aprotocol: "auto" is agreed on in a TLS handshake, and no backend speaks TLS: write "http2"/)
  end
end
