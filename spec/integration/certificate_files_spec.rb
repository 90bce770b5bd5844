# frozen_string_literal: true

require "open3"
require "support/integration"
require "support/tls_client"

RSpec.describe "files of certificates that are unusual" do
  certs = Certs.new
  after(:all) { certs.remove }

  let(:directory) { Dir.mktmpdir("certificates") }
  after { FileUtils.rm_rf(directory) }

  # What `openssl x509 -req` makes without a file of extensions: version 1, and so no names.
  def outdated(certs)
    pair = certs.server("localhost")
    certificate = OpenSSL::X509::Certificate.new
    certificate.version = 0
    certificate.serial = 77
    certificate.subject = pair.certificate.subject
    certificate.issuer = certs.authority.certificate.subject
    certificate.public_key = pair.key
    certificate.not_before = Time.now - 60
    certificate.not_after = Time.now + (86_400 * 30)
    certificate.sign(certs.authority.key, "SHA256")
    file = "#{directory}/outdated.pem"
    File.write(file, certificate.to_pem)
    Certs::Pair.new(certificate, pair.key, file, pair.key_file)
  end

  # An HTTPS server that shows `pair` and answers every connection once.
  def tls_origin(certs, pair, **limits)
    context = certs.server_context(pair)
    limits.each { |name, value| context.public_send(:"#{name}=", value) }
    server = OpenSSL::SSL::SSLServer.new(TCPServer.new("127.0.0.1", 0), context)
    thread = Thread.new do
      loop do
        socket = server.accept
        socket.gets("\r\n\r\n")
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        socket.close
      rescue OpenSSL::SSL::SSLError, SystemCallError
        next
      end
    end
    yield server.to_io.local_address.ip_port
  ensure
    thread&.kill
    server&.close
  end

  def status(url, *options) =
    Open3.capture2("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", *options, url).first.to_i

  it "shows a certificate of version 1, and warns of it" do
    pair = outdated(certs)
    configuration = proc do
      bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file
      static_response body: "ok"
    end
    expect(Proxy.check(&configuration).map(&:message)).to match([/has no subjectAltName/])
    expect(status(start_proxy(bind: nil, &configuration).url)).to eq(200)
  end

  [OpenSSL::SSL::TLS1_2_VERSION, OpenSSL::SSL::TLS1_3_VERSION].each do |version|
    it "reaches a backend with a certificate of version 1 where nothing is verified (#{version.to_s(16)})" do
      tls_origin(certs, outdated(certs), min_version: version, max_version: version) do |port|
        proxy = start_proxy { proxy backends: ["https://127.0.0.1:#{port}"], verify_ssl: false }
        expect(status(proxy.url)).to eq(200)
      end
    end
  end

  it "believes a backend whose very certificate stands in ca_file, an authority's included, by its names and its " \
     "time" do
    hour = 3600
    authority = ->(names, **how) {
      certs.send(:issue, names.first, names: names, authority: true, signer: :itself,
                                  **how)
    }
    [
      [authority.call(["localhost"]), 200],
      [certs.self_signed("localhost"), 200],
      [authority.call(["other.test"]), 502],
      [authority.call(["localhost"], usage: "clientAuth"), 502],
      [authority.call(["localhost"], validity: Time.now - (2 * hour)..Time.now - hour), 502]
    ].each do |pair, expected|
      tls_origin(certs, pair) do |port|
        proxy = start_proxy do
          proxy to: "https://localhost{path}", backends: ["https://127.0.0.1:#{port}"], ca_file: pair.certificate_file
        end
        expect(status(proxy.url)).to eq(expected)
      end
    end
  end

  it "asks for certificates of more authorities than a handshake can name" do
    pair, client = certs.server("localhost"), certs.client("someone")
    names = Array.new(900) { |number|
      "Certification authority of the department for examples and tests number #{number} of many more"
    }
    key = OpenSSL::PKey::EC.generate("prime256v1")
    bundle = names.map do |name|
      certs.send(:issue, name, authority: true, signer: :itself, key: key).certificate.to_pem
    end
    file = "#{directory}/many.pem"
    File.write(file, certs.authority.certificate.to_pem + bundle.join)
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file, client_ca: file
      static_response body: "ok"
    end
    %w[1.2 1.3].each do |version|
      shown = ["--tlsv#{version}", "--tls-max", version, "--cert", client.certificate_file, "--key", client.key_file]
      expect(status(proxy.url, *shown)).to eq(200)
      expect(status(proxy.url, *shown.first(3))).to eq(0)
    end
  end

  it "speaks HTTP/1.0 with those that offer nothing newer" do
    pair = certs.server("localhost")
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file
      static_response body: "ok", headers: { "X-Alpn" => "yes" }
    end
    expect(status(proxy.url, "--http1.0")).to eq(200)
    expect(TlsClient.openssl(proxy.url, "-alpn", "http/1.0")).to include("ALPN protocol: http/1.0")
  end

  describe "ocsp:" do
    def answer(certs, pair, status: OpenSSL::OCSP::V_CERTSTATUS_GOOD, from: -60, till: 3600)
      response = OpenSSL::OCSP::BasicResponse.new
      id = OpenSSL::OCSP::CertificateId.new(pair.certificate, certs.authority.certificate)
      revoked = status == OpenSSL::OCSP::V_CERTSTATUS_REVOKED
      response.add_status(id, status, 0, revoked ? Time.now - 60 : nil, from, till, nil)
      response.sign(certs.authority.certificate, certs.authority.key)
      file = "#{directory}/ocsp"
      File.binwrite(file, OpenSSL::OCSP::Response.create(OpenSSL::OCSP::RESPONSE_STATUS_SUCCESSFUL, response).to_der)
      file
    end

    def problems(pair, file)
      Proxy.check do
        bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file, ocsp: file
        static_response body: "ok"
      end.map { |problem| "#{problem.severity}: #{problem.message}" }
    end

    pair = certs.server("localhost")

    it "says nothing of an answer that is good" do
      expect(problems(pair, answer(certs, pair))).to eq([])
    end

    it "refuses an answer about another certificate" do
      expect(problems(pair, answer(certs, certs.server("other.test"))))
        .to match([/error: ocsp: ".*" is about another certificate: ask/])
    end

    it "warns of one that says revoked" do
      file = answer(certs, pair, status: OpenSSL::OCSP::V_CERTSTATUS_REVOKED)
      expect(problems(pair, file)).to match([/warning: .*was revoked: clients will refuse it/])
    end

    it "warns of one that is out of date, and does not send it" do
      file = answer(certs, pair, from: -90_000, till: -3600)
      expect(problems(pair, file)).to match([/warning: .*is out of date, and is not sent/])
      proxy = start_proxy(bind: nil) do
        bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file, ocsp: file
        static_response body: "ok"
      end
      expect(TlsClient.openssl(proxy.url, "-status")).to include("OCSP response: no response sent")
    end
  end
end
