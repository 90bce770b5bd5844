# frozen_string_literal: true

require "support/integration"
require "support/tls_client"

RSpec.describe "TLS with clients and reload" do
  # A configuration with this certificate, and what goes with it.
  def configuration(pair, **options)
    files = { certificate: pair.certificate_file, key: pair.key_file }
    proc do
      threads 1
      bind "https://127.0.0.1:0", **files, **options
      response_headers additions: { "X-Verify" => ["{client_verify}"] }
      static_response body: "ok"
    end
  end

  def start(pair, **options) = start_proxy(bind: nil, threads: nil, &configuration(pair, **options))

  def connect(proxy, **options) = TlsClient.connect(proxy.url, **options)

  def session(proxy, **options) = TlsClient.session(proxy.url, **options)

  def reused?(proxy, session, **options) = TlsClient.resumes?(proxy.url, session, **options)

  it "shows a certificate that has changed, and leaves connections as they are" do
    old, new = certs.server("app.test", "old.test"), certs.server("app.test", "new.test")
    proxy = start(old)
    client = connect(proxy)
    client.get
    %i[certificate_file key_file].each { |file| FileUtils.cp(new[file], old[file]) }
    proxy.server.reload
    expect(client.get.body).to eq("ok")
    expect([client, connect(proxy)].map(&:names)).to eq([%w[app.test old.test], %w[app.test new.test]])
  end

  it "keeps the old one where the new one is wrong" do
    pair = certs.server("app.test")
    proxy = start(pair)
    File.write(pair.key_file, certs.server("app.test").key.to_pem)
    expect { proxy.server.reload }.to raise_error(Proxy::ConfigurationError, /is not the key of the first certificate/)
    expect(connect(proxy).get.body).to eq("ok")
  end

  it "takes tickets of before where the same is asked of clients, and no others" do
    pair, alice = certs.server("app.test"), certs.client("alice")
    proxy = start(pair)
    anybody = session(proxy)
    proxy.server.reload
    expect(reused?(proxy, anybody)).to be(true)
    proxy.server.reload(&configuration(pair, client_ca: certs.ca_file))
    expect(TlsClient.refusal(proxy.url, session: anybody)).to match(/certificate required/)
    known = session(proxy, pair: alice)
    proxy.server.reload(&configuration(pair, client_ca: certs.ca_file))
    expect(reused?(proxy, known)).to be(true)
    proxy.server.reload(&configuration(pair, client_ca: certs.stranger("another").certificate_file))
    expect(TlsClient.refusal(proxy.url, session: known)).to match(/certificate required/)
  end

  it "answers 421 where a connection of before was asked for less" do
    pair, alice = certs.server("app.test"), certs.client("alice")
    proxy = start(pair)
    early = connect(proxy)
    early.get
    proxy.server.reload(&configuration(pair, client_ca: certs.ca_file))
    answer = early.get
    expect([answer.status, answer["Connection"], early.closed?]).to eq([421, "close", true])
    known = connect(proxy, pair: alice)
    expect(known.get["X-Verify"]).to eq("SUCCESS")
    proxy.server.reload(&configuration(pair))
    expect(known.get.status).to eq(200)
  end

  it "speaks TLS at a socket that spoke none, and lets clients of before go on unless they now need a certificate" do
    pair, alice = certs.server("app.test"), certs.client("alice")
    proxy = start_proxy(bind: nil, threads: nil) do
      threads 1
      bind "http://127.0.0.1:0"
      static_response body: "plain"
    end
    before, early = proxy.url, proxy.connect
    expect(early.get.body).to eq("plain")
    proxy.server.reload(&configuration(pair))
    expect(proxy.url).to eq(before.sub("http:", "https:"))
    late = RawClient.connect(before)
    expect([early.get.body, connect(proxy).get.body, late.get.status]).to eq(["ok", "ok", 400])
    proxy.server.reload(&configuration(pair, client_ca: certs.ca_file))
    answer = early.get
    expect([answer.status, answer["Connection"], early.closed?]).to eq([421, "close", true])
    expect(connect(proxy, pair: alice).get["X-Verify"]).to eq("SUCCESS")
  end
end
