# frozen_string_literal: true

require "support/integration"

RSpec.describe "proxy with proxy_protocol" do
  # A client at 127.0.0.2.
  def client_of(proxy) = RawClient.new(TCPSocket.new("127.0.0.1", URI(proxy.url).port, "127.0.0.2", 0))

  # A backend that answers with the line of version 1 that its connection began with.
  def introduced_backend
    start_backend do |connection|
      line = connection.read_line
      connection.answer_all(line) if line
    end
  end

  def start_before(backend, version = "v1", **options, &more)
    start_proxy do
      instance_exec(&more) if more
      proxy backends: [backend.address], proxy_protocol: version, **options
    end
  end

  it "tells a backend in front of everything else whose connection it is" do
    proxy = start_before(introduced_backend)
    client = client_of(proxy)
    local = client.io.local_address
    expect(client.get.body).to eq("PROXY TCP4 127.0.0.2 127.0.0.1 #{local.ip_port} #{URI(proxy.url).port}")
  end

  it "keeps a connection for its client alone" do
    backend = introduced_backend
    proxy = start_before(backend)
    one = client_of(proxy)
    other = client_of(proxy)
    first = one.get.body
    second = other.get.body
    expect(second).not_to eq(first)
    3.times { expect([one.get.body, other.get.body]).to eq([first, second]) }
    expect(backend.connections).to eq(2)
  end

  it "says nothing of the port of a client that a trusted proxy speaks for" do
    proxy = start_before(introduced_backend) { trusted_proxies "127.0.0.2" }
    port = URI(proxy.url).port
    sent = ->(address) { client_of(proxy).get("/", "X-Forwarded-For" => address, "X-Forwarded-Port" => "8443").body }
    expect(sent.call("192.0.2.7")).to eq("PROXY TCP4 192.0.2.7 127.0.0.1 0 #{port}")
    expect(sent.call("2001:db8::7")).to eq("PROXY TCP6 2001:db8::7 ::ffff:127.0.0.1 0 #{port}")
  end

  it "passes on what a header of a proxy in front says" do
    backend = introduced_backend
    proxy = start_proxy(to: backend, bind: nil, proxy_protocol: :v1) do
      bind "http://127.0.0.1:0", proxy_protocol: true
      trusted_proxies "127.0.0.1"
    end
    ["PROXY TCP4 192.0.2.7 198.51.100.1 52114 443", "PROXY UNKNOWN"].each do |header|
      client = proxy.connect
      client.write("#{header}\r\n")
      expect(client.get.body).to eq(header)
    end
  end

  it "says of a client without an address that it knows nothing" do
    proxy = start_proxy(to: introduced_backend, bind: "unix://#{directory}/proxy.sock", proxy_protocol: "v1")
    expect(proxy.get.body).to eq("PROXY UNKNOWN")
  end

  it "tells nginx" do
    %w[v1 v2].each do |version|
      nginx = start_nginx("location / { return 200 $proxy_protocol_addr:$proxy_protocol_port; }", proxy_protocol: true)
      client = client_of(start_before(nginx, version))
      expect(client.get.body).to eq("127.0.0.2:#{client.io.local_address.ip_port}")
    end
  end

  it "tells HAProxy" do
    haproxy = start_haproxy("http-request return status 200 content-type text/plain lf-string %ci:%cp",
                            bind: "accept-proxy")
    %w[v1 v2].each do |version|
      client = client_of(start_before(haproxy, version))
      expect(client.get.body).to eq("127.0.0.2:#{client.io.local_address.ip_port}")
    end
  end

  it "tells a backend in front of TLS" do
    pair = certs.server("app.test")
    nginx = start_nginx(<<~SERVER, tls: true, proxy_protocol: true)
      ssl_certificate #{pair.certificate_file};
      ssl_certificate_key #{pair.key_file};
      location / { return 200 $proxy_protocol_addr; }
    SERVER
    ca_file = certs.ca_file
    expect(client_of(start_before(nginx, "v2", to: "https://app.test", ca_file: ca_file)).get.body).to eq("127.0.0.2")
  end

  it "says of health checks that they are its own" do
    lines = Queue.new
    backend = start_backend do |connection|
      lines << connection.read_line
      connection.answer_all("ok")
    end
    start_before(backend, health_check: { interval: 0.1 })
    expect(lines.pop).to eq("PROXY UNKNOWN")
    local = start_nginx("location / { return 200; }", proxy_protocol: true)
    checked = start_before(local, "v2", health_check: { interval: 0.1 })
    eventually { expect(checked.stats[:backends][0][:check]).to include(healthy: true) }
  end

  it "introduces clients to the server of forward_auth too, if that is such an upstream" do
    auth = introduced_backend
    address = auth.address
    proxy = start_proxy do
      upstream "auth", backends: [address], proxy_protocol: "v1"
      forward_auth to: "http://auth/"
      static_response body: "in"
    end
    expect([client_of(proxy).get.body, client_of(proxy).get.body]).to eq(%w[in in])
    expect(auth.connections).to eq(2)
  end
end
