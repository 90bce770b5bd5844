# frozen_string_literal: true

require "support/integration"

RSpec.describe "TLS to backends" do
  def tls_backend(pair, **context)
    start_backend(tls: certs.server_context(pair, **context))
  end

  def start_proxy_to(backend, **options)
    start_proxy { proxy to: "https://app.test{path}{query}", backends: [backend.address], **options }
  end

  it "accepts a certificate that ca_file vouches for" do
    backend = tls_backend(certs.server("app.test"))
    proxy = start_proxy_to(backend, ca_file: certs.ca_file)
    expect(proxy.get.body).to eq("ok")
  end

  it "refuses a self-signed certificate with 502, and sends no request" do
    backend = tls_backend(certs.self_signed("app.test"))
    expect(start_proxy_to(backend).get.status).to eq(502)
    expect(backend.requests).to be_empty
  end

  it "refuses a certificate of an authority that the system does not know" do
    backend = tls_backend(certs.server("app.test"))
    expect(start_proxy_to(backend).get.status).to eq(502)
  end

  it "refuses a certificate for another name" do
    backend = tls_backend(certs.server("other.test"))
    expect(start_proxy_to(backend, ca_file: certs.ca_file).get.status).to eq(502)
  end

  it "accepts any certificate with verify_ssl: false" do
    backend = tls_backend(certs.self_signed("other.test"))
    expect(start_proxy_to(backend, verify_ssl: false).get.body).to eq("ok")
  end

  it "sends the host of to as server name" do
    backend = tls_backend(certs.server("app.test"))
    start_proxy_to(backend, ca_file: certs.ca_file).get
    expect(backend.handshakes.map(&:server_name)).to eq(["app.test"])
  end

  it "sends no server name with tls_sni: false, and verifies it all the same" do
    backend = tls_backend(certs.server("app.test"))
    expect(start_proxy_to(backend, ca_file: certs.ca_file, tls_sni: false).get.body).to eq("ok")
    expect(backend.handshakes.map(&:server_name)).to eq([nil])
  end

  it "shows client_certificate to a backend that asks for one" do
    backend = tls_backend(certs.server("app.test"), client_ca: true)
    client = certs.client("the proxy")
    proxy = start_proxy_to(backend, ca_file: certs.ca_file, client_certificate: client.certificate_file,
                           client_key: client.key_file)
    expect(proxy.get.body).to eq("ok")
    expect(backend.handshakes.map(&:client_name)).to eq(["/CN=the proxy"])
  end

  it "answers 502 when the backend demands a certificate and there is none" do
    backend = tls_backend(certs.server("app.test"), client_ca: true)
    expect(start_proxy_to(backend, ca_file: certs.ca_file).get.status).to eq(502)
  end

  it "answers 502 when the backend speaks no TLS" do
    expect(start_proxy_to(start_backend { |connection| connection.write "HTTP/1.1 200 OK\r\n\r\n" },
                          verify_ssl: false).get.status).to eq(502)
  end

  it "reuses connections and streams bodies both ways" do
    backend = start_backend(tls: certs.server_context(certs.server("app.test"))) do |connection|
      while (request = connection.read_request)
        connection.answer(request.body)
      end
    end
    client = start_proxy_to(backend, ca_file: certs.ca_file).connect
    body = Random.bytes(1_000_000)
    2.times { expect(client.request("POST", "/", {}, body).body == body).to be(true) }
    expect(backend.connections).to eq(1)
  end

  it "works with an https backend and no to" do
    backend = tls_backend(certs.server("127.0.0.1"))
    address = "https://127.0.0.1:#{backend.port}"
    ca_file = certs.ca_file
    proxy = start_proxy { proxy backends: [address], ca_file: ca_file }
    expect(proxy.get.body).to eq("ok")
  end
end
