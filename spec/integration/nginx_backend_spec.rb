# frozen_string_literal: true

require "support/integration"

RSpec.describe "nginx behind the proxy" do
  def start_in_front_of(server)
    nginx = start_nginx(server)
    [nginx, start_proxy(to: nginx)]
  end

  it "serves a file with its validators, ranges and 304" do
    nginx, proxy = start_in_front_of("")
    nginx.write("file.txt", "0123456789")
    client = proxy.connect
    whole = client.get("/file.txt")
    expect(whole.body).to eq("0123456789")
    part = client.get("/file.txt", "Range" => "bytes=2-4")
    expect([part.status, part["Content-Range"], part.body]).to eq([206, "bytes 2-4/10", "234"])
    expect(client.get("/file.txt", "If-None-Match" => whole["ETag"]).status).to eq(304)
    expect(client.request("HEAD", "/file.txt")["Content-Length"]).to eq("10")
  end

  it "refuses a body through us as it does alone" do
    _, proxy = start_in_front_of("client_max_body_size 10;")
    expect(proxy.post("/", "x" * 100).status).to eq(413)
  end

  it "keeps the connection for many requests" do
    _, proxy = start_in_front_of("location / { return 200 $connection_requests; }")
    client = proxy.connect
    expect(Array.new(20) { client.get.body.to_i }).to eq((1..20).to_a)
  end

  it "may close a kept connection at any time without a request lost" do
    _, proxy = start_in_front_of("keepalive_requests 3; location / { return 200 ok; }")
    client = proxy.connect
    expect(Array.new(50) { client.request("POST", "/", {}, "x").status }.uniq).to eq([200])
  end

  it "asks for our certificate and gets it" do
    pair = certs.server("app.test")
    us = certs.client("us")
    nginx = start_nginx <<~SERVER, tls: true
      ssl_certificate #{pair.certificate_file};
      ssl_certificate_key #{pair.key_file};
      ssl_client_certificate #{certs.ca_file};
      ssl_verify_client on;
      location / { return 200 $ssl_client_s_dn; }
    SERVER
    ca_file = certs.ca_file
    proxy = start_proxy do
      proxy to: "https://app.test", backends: [nginx.address], ca_file: ca_file,
            client_certificate: us.certificate_file, client_key: us.key_file
    end
    expect(proxy.get.body).to eq("CN=us")
  end
end
