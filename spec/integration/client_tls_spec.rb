# frozen_string_literal: true

require "support/integration"
require "support/tls_client"

RSpec.describe "TLS with clients" do
  # A proxy that says in its answers what it knows of the connection.
  def start_tls(threads: 1, **options)
    start_proxy(bind: nil, threads: threads) do
      bind "https://127.0.0.1:0", **options
      response_headers additions: {
        "X-Version" => ["{tls_version}"], "X-Cipher" => ["{tls_cipher}"], "X-Name" => ["{tls_server_name}"],
        "X-Alpn" => ["{tls_alpn}"],
        "X-Verify" => ["{client_verify}"], "X-Subject" => ["{client_cert_subject}"],
        "X-Issuer" => ["{client_cert_issuer}"],
        "X-Serial" => ["{client_cert_serial}"], "X-Fingerprint" => ["{client_cert_fingerprint}"],
        "X-San" => ["{client_cert_san}"]
      }
      static_response body: "ok"
    end
  end

  def files(pair, **more) = { certificate: pair.certificate_file, key: pair.key_file, **more }

  def connect(proxy, **options) = TlsClient.connect(proxy.url, **options)

  def get(proxy, host: "app.test", **options)
    client = connect(proxy, **options)
    client.get("/", "Host" => host)
  ensure
    client&.close
  end

  def refusal(proxy, **options) = TlsClient.refusal(proxy.url, **options)

  it "shows https:// among the server's URLs, and answers curl" do
    pair = certs.server("app.test")
    proxy = start_tls(**files(pair))
    expect(proxy.url).to match(%r{\Ahttps://127\.0\.0\.1:\d+\z})
    port = URI(proxy.url).port
    out, status =
      Open3.capture2e("curl", "-sS", "--cacert", certs.ca_file, "--resolve", "app.test:#{port}:127.0.0.1",
                      "https://app.test:#{port}/")
    expect([out, status.success?]).to eq(["ok", true])
  end

  it "takes the files from the query of the URL, from the folder of the Proxyfile" do
    pair = certs.server("app.test")
    FileUtils.cp(pair.certificate_file, "#{directory}/site.pem")
    FileUtils.cp(pair.key_file, "#{directory}/site.key")
    file = "#{directory}/Proxyfile"
    File.write(file, "bind 'https://127.0.0.1:0?cert=site.pem&key=site.key'\nthreads 1\nstatic_response body: 'ok'\n")
    expect(get(start_proxy(file: file, bind: nil)).body).to eq("ok")
  end

  it "takes certificate and key from one file, and sends the chain that stands in it" do
    middle = certs.authority_below("middle")
    pair = certs.server("app.test", signer: middle)
    File.write("#{directory}/all.pem",
               [pair, middle].map { |one| File.read(one.certificate_file) }.join + File.read(pair.key_file))
    proxy = start_tls(certificate: "#{directory}/all.pem")
    report = TlsClient
             .openssl(proxy.url, "-CAfile", certs.ca_file, "-verify_hostname", "app.test", "-verify_return_error",
                      "-servername", "app.test")
    expect(report).to include("Verify return code: 0 (ok)")
  end

  {
    "RSA" => -> { OpenSSL::PKey::RSA.new(2048) },
    "ECDSA with P-384" => -> { OpenSSL::PKey::EC.generate("secp384r1") }
  }.each do |kind, generate|
    it "uses a key of #{kind}, in PKCS#8 and in its older form" do
      pair = certs.server("app.test", key: generate.call)
      proxies = [pair.key.to_pem, pair.key.private_to_pem].map.with_index do |pem, index|
        File.write("#{directory}/#{index}.key", pem)
        start_tls(certificate: pair.certificate_file, key: "#{directory}/#{index}.key")
      end
      expect(proxies.map { |proxy| get(proxy).body }).to eq(%w[ok ok])
    end
  end

  it "uses a key of Ed25519" do
    system("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=app.test", "-addext",
           "subjectAltName=DNS:app.test",
           "-keyout", "#{directory}/ed.key", "-out", "#{directory}/ed.pem", exception: true, err: File::NULL)
    proxy = start_tls(certificate: "#{directory}/ed.pem", key: "#{directory}/ed.key")
    expect(TlsClient.openssl(proxy.url, input: "GET / HTTP/1.0\r\nHost: app.test\r\n\r\n"))
      .to match(/Peer signature type: ed25519/i)
  end

  it "chooses among certificates by the name that a client asks for" do
    default, exact, star, other = %w[default.test www.shop.test *.shop.test b.test].map { |name| certs.server(name) }
    proxy = start_tls(certificates: [files(default), files(exact), files(star),
                                     files(other, domains: ["b.test", "c.test"])])
    shown = {
      "www.shop.test" => "www.shop.test", "WWW.Shop.test" => "www.shop.test", "a.shop.test" => "*.shop.test",
      "shop.test" => "default.test",
      "c.test" => "b.test", "unknown.test" => "default.test", nil => "default.test"
    }
    expect(shown.to_h { |name, _| [name, connect(proxy, name: name).names.first] }).to eq(shown)
  end

  it "speaks TLS 1.2 and 1.3, and neither an older one nor, with min_tls, 1.2" do
    pair = certs.server("app.test")
    proxy = start_tls(**files(pair))
    old = OpenSSL::SSL::TLS1_2_VERSION
    expect(get(proxy, max_version: old)).to have_attributes(status: 200)
    expect(get(proxy, max_version: old)["X-Version"]).to eq("TLSv1.2")
    expect(get(proxy, max_version: old)["X-Cipher"]).to match(/\ATLS_ECDHE_ECDSA_WITH_/)
    expect(get(proxy)["X-Version"]).to eq("TLSv1.3")
    expect(get(proxy)["X-Cipher"]).to match(/\ATLS_(AES|CHACHA20)_/)
    expect(TlsClient.openssl(proxy.url, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"))
      .to match(/alert (protocol version|handshake failure)/)
    strict = start_tls(**files(pair), min_tls: "1.3")
    expect(refusal(strict, max_version: old)).to match(/protocol version/)
  end

  it "agrees on http/1.1, and on nothing with a client that wants something else" do
    proxy = start_tls(**files(certs.server("app.test")), protocols: ["h1"])
    expect(get(proxy, alpn_protocols: ["h2", "http/1.1"])["X-Alpn"]).to eq("http/1.1")
    expect(get(proxy)["X-Alpn"]).to be_nil.or eq("")
    expect(refusal(proxy, alpn_protocols: ["spdy/3"])).to match(/no application protocol/)
  end

  it "agrees on HTTP/2 with a client that can, and holds its requests to the handshake too" do
    open, strict = certs.server("open.test"), certs.server("strict.test")
    proxy = start_tls(certificates: [files(open), files(strict, client_ca: certs.ca_file)])
    port = URI(proxy.url).port
    curl = lambda do |*options|
      Open3.capture2("curl", "-sSi", "--http2", "--cacert", certs.ca_file, "--resolve", "open.test:#{port}:127.0.0.1",
                     "https://open.test:#{port}/", *options).first
    end
    expect(curl.call).to match(%r{\AHTTP/2 200.*^x-alpn: h2.*ok\z}m)
    expect(curl.call("-H", "Host: strict.test")).to match(%r{\AHTTP/2 421})
    expect(curl.call("--http1.1")).to match(%r{\AHTTP/1.1 200.*^X-Alpn: http/1.1}m)
  end

  it "speaks what protocols says where there is no TLS" do
    answers = [%w[h1], %w[h2], %w[h2 h1]].map do |protocols|
      proxy = start_proxy(bind: nil) do
        bind "http://127.0.0.1:0", protocols: protocols
        static_response body: "ok"
      end
      ["--http1.1", "--http2-prior-knowledge"].map { |how| Open3.capture2e("curl", "-s", how, proxy.url).first == "ok" }
    end
    expect(answers).to eq([[true, false], [false, true], [true, true]])
  end

  it "staples what the authority says to clients that ask" do
    pair = certs.server("app.test")
    answer = OpenSSL::OCSP::BasicResponse.new
    id = OpenSSL::OCSP::CertificateId.new(pair.certificate, certs.authority.certificate)
    answer.add_status(id, OpenSSL::OCSP::V_CERTSTATUS_GOOD, 0, nil, -60, 3600, nil)
    answer.sign(certs.authority.certificate, certs.authority.key)
    File.binwrite("#{directory}/ocsp",
                  OpenSSL::OCSP::Response.create(OpenSSL::OCSP::RESPONSE_STATUS_SUCCESSFUL, answer).to_der)
    proxy = start_tls(**files(pair), ocsp: "#{directory}/ocsp")
    expect(TlsClient.openssl(proxy.url, "-status")).to include("OCSP Response Status: successful", "Cert Status: good")
  end

  describe "sessions" do
    def session(proxy, **options) = TlsClient.session(proxy.url, **options)

    def reused?(proxy, session, **options) = TlsClient.resumes?(proxy.url, session, **options)

    [OpenSSL::SSL::TLS1_2_VERSION, OpenSSL::SSL::TLS1_3_VERSION].each do |version|
      it "are resumed on every engine thread (#{version == OpenSSL::SSL::TLS1_2_VERSION ? "TLS 1.2" : "TLS 1.3"})" do
        proxy = start_tls(**files(certs.server("app.test")), threads: 2)
        ticket = session(proxy, max_version: version, min_version: version)
        # Held open, so that the next one goes to the other thread.
        held = connect(proxy)
        expect(Array.new(4) { reused?(proxy, ticket, max_version: version, min_version: version) }).to eq([true] * 4)
        held.close
      end
    end

    it "are not resumed by a client that is asked for another certificate" do
      open, strict = certs.server("open.test"), certs.server("strict.test")
      proxy = start_tls(certificates: [files(open), files(strict, client_ca: certs.ca_file)])
      ticket = session(proxy, name: "open.test")
      expect(reused?(proxy, ticket, name: "open.test")).to be(true)
      expect(refusal(proxy, session: ticket, name: "strict.test")).to match(/certificate required/)
    end

    it "keep the client's certificate" do
      proxy = start_tls(**files(certs.server("app.test")), client_ca: certs.ca_file)
      ticket = session(proxy, pair: certs.client("alice"))
      client = connect(proxy, session: ticket)
      expect(client.get["X-Subject"]).to eq("CN=alice")
      expect(client.io.session_reused?).to be(true)
    end

    it "are over when the client's certificate is" do
      proxy = start_tls(**files(certs.server("app.test")), client_ca: certs.ca_file)
      ticket = session(proxy, pair: certs.client("brief", validity: Time.now - 3600..Time.now + 2))
      expect(reused?(proxy, ticket)).to be(true)
      eventually { expect { reused?(proxy, ticket) }.to raise_error(Wire::CutShort) }
      expect(refusal(proxy, session: ticket)).to match(/certificate required/)
      expect(get(proxy, session: ticket, pair: certs.client("renewed"))["X-Subject"]).to eq("CN=renewed")
    end
  end

  it "asks for a certificate with client_ca, and says whose it is" do
    proxy = start_tls(**files(certs.server("app.test")), client_ca: certs.ca_file)
    alice = certs
            .client([%w[C DE], ["O", "Example, Inc."], %w[CN alice]],
                    names: ["alice.test", "URI:spiffe://test/alice", "192.0.2.1"])
    answer = get(proxy, pair: alice)
    expect(answer["X-Verify"]).to eq("SUCCESS")
    subject = alice.certificate.subject.to_utf8
    expect(answer["X-Subject"]).to eq(subject).and eq('CN=alice,O=Example\, Inc.,C=DE')
    expect(answer["X-Issuer"]).to eq("CN=Test authority")
    expect(answer["X-Serial"].to_i(16)).to eq(alice.certificate.serial.to_i)
    expect(answer["X-Fingerprint"]).to eq(OpenSSL::Digest::SHA256.hexdigest(alice.certificate.to_der))
    expect(answer["X-San"]).to eq("DNS:alice.test, URI:spiffe://test/alice, IP:192.0.2.1")
  end

  it "refuses a client without a certificate, or with that of a stranger, and tells it why" do
    proxy = start_tls(**files(certs.server("app.test")), client_ca: certs.ca_file)
    expect(refusal(proxy)).to match(/certificate required/)
    mallory = certs.client("mallory", signer: certs.stranger("Test authority"))
    expect(refusal(proxy, pair: mallory)).to match(/unknown ca|decrypt error/)
    late = certs.client("late", validity: Time.now - 7200..Time.now - 3600)
    expect(refusal(proxy, pair: late)).to match(/certificate expired/)
    eventually { expect(proxy.stats[:connections]).to include(handshakes_failed: 3) }
  end

  it "lets clients do without with verify: :optional, and refuses a stranger's certificate all the same" do
    proxy = start_tls(**files(certs.server("app.test")), client_ca: certs.ca_file, verify: :optional)
    expect(get(proxy)["X-Verify"]).to eq("NONE")
    expect(get(proxy, pair: certs.client("bob"))["X-Verify"]).to eq("SUCCESS")
    mallory = certs.client("mallory", signer: certs.stranger("Mallory's"))
    expect(refusal(proxy, pair: mallory)).to match(/unknown ca/)
  end

  it "answers 421 where another host would have asked for another certificate" do
    open, strict = certs.server("open.test", "also.test"), certs.server("strict.test")
    proxy = start_tls(certificates: [files(open), files(strict, client_ca: certs.ca_file)])
    statuses = ["open.test", "also.test", "other.test", "strict.test", "STRICT.test.", "strict.test:8443"].map do |host|
      get(proxy, name: "open.test", host: host).status
    end
    expect(statuses).to eq([200, 200, 200, 421, 421, 421])
    alice = certs.client("alice")
    expect(%w[strict.test open.test].map { |host| get(proxy, name: "strict.test", pair: alice, host: host).status })
      .to eq([200, 421])
    expect(get(proxy, name: nil, host: "strict.test").status).to eq(421)
    absolute = connect(proxy, name: "open.test").request("GET", "http://strict.test/", "Host" => "open.test")
    expect([absolute.status, absolute["Connection"]]).to eq([421, "close"])
  end

  it "does not take a client's word for what its own names say" do
    backend = start_backend
    address, pair = backend.address, certs.server("app.test")
    options = files(pair)
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", **options
      proxy backends: [address], headers: { "X-Subject" => { rewrite: "<{client_cert_subject}>" } }
    end
    connect(proxy).get("/", "client_cert_subject" => "CN=admin", "X-Subject" => "CN=admin")
    expect(backend.requests.map { |request|
             [request["X-Subject"], request["X-Forwarded-Proto"],
              request["client_cert_subject"]]
           })
      .to eq([["<>", "https", nil]])
  end

  it "passes long bodies both ways, and ends connections in order" do
    backend = start_backend do |connection|
      while (request = connection.read_request)
        connection.answer(request.body)
      end
    end
    address, options = backend.address, files(certs.server("app.test"))
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", **options
      proxy backends: [address]
    end
    client = connect(proxy)
    body = Random.bytes(1_000_000)
    2.times { expect(client.request("POST", "/", {}, body).body == body).to be(true) }
    client.send_request("GET", "/", "Connection" => "close")
    expect(client.read_response.status).to eq(200)
    # Without a close_notify this Ruby raises.
    expect(client.read_to_end).to eq("")
  end

  it "lets the client see that an answer was cut short" do
    backend = start_backend do |connection|
      connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart") if connection.read_request
    end
    cut = start_backend do |connection|
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart") if connection.read_request
    end
    options = files(certs.server("app.test"))
    whole, short = [backend, cut].map do |one|
      proxy = start_proxy(to: one, bind: nil) do
        bind "https://127.0.0.1:0", **options
      end
      connect(proxy).tap { |client| client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n") }
    end
    expect(whole.io.read).to end_with("part")
    expect { short.io.read }.to raise_error(OpenSSL::SSL::SSLError, /unexpected eof/)
  end

  it "ends a handshake that takes longer than handshake_timeout" do
    options = files(certs.server("app.test"))
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", **options
      handshake_timeout 0.3
      static_response body: "ok"
    end
    client = RawClient.connect(proxy.url)
    client.write("\x16\x03\x01\x02\x00\x01".b)
    expect(seconds { expect(client).to be_closed }).to be_between(0.25, 3)
    eventually { expect(proxy.stats[:connections]).to include(handshakes_failed: 1) }
  end

  it "tells a client that speaks plain HTTP to speak TLS" do
    proxy = start_tls(**files(certs.server("app.test")))
    answer = RawClient.connect(proxy.url).get
    expect([answer.status, answer.body]).to match([400, /write https:/])
  end

  it "answers what is no TLS with an alert" do
    proxy = start_tls(**files(certs.server("app.test")))
    client = RawClient.connect(proxy.url)
    client.write("\x00\x01\x02\x03\x04\x05\x06\x07".b)
    expect(client.read_to_end.bytes.first).to eq(21)
  end
end
