# frozen_string_literal: true

require "support/example_files"
require "support/tls_client"

RSpec.describe "examples/from_caddy.rb" do
  it "passes requests for example.com on as they are" do
    backend = start_backend(host: host, port: 8000)
    proxy = start_example("from_caddy.rb")
    proxy.get("/a?b=1", "Host" => "example.com:8080")

    asked = backend.requests.reject { |request| request.target == "/healthz" }
    expect(asked.map { |request| [request.target, request["Host"]] }).to eq([["/a?b=1", "example.com:8080"]])
    expect(proxy.get("/", "Host" => "other.example").status).to eq(404)
  end

  it "speaks HTTP/2 or HTTP/1.1 over TLS where there is a certificate" do
    backend = start_backend(host: host, port: 8000)
    pair = certs.server("example.com")
    FileUtils.cp(pair.certificate_file, File.join(directory, "fullchain.pem"))
    FileUtils.cp(pair.key_file, File.join(directory, "privkey.pem"))
    start_example("from_caddy.rb", { "/etc/letsencrypt/live/example.com" => directory }, bind: nil)
    settings = { name: "example.com", ca_file: certs.ca_file, verify_mode: OpenSSL::SSL::VERIFY_PEER }
    agreed = %w[h2 http/1.1].to_h do |name|
      [name, TlsClient.connect("https://#{host}:8443", alpn_protocols: [name], **settings)]
    end
    expect(agreed.transform_values { |client| client.io.alpn_protocol }).to eq("h2" => "h2", "http/1.1" => "http/1.1")

    agreed["http/1.1"].request("GET", "/a", "Host" => "example.com")
    asked = backend.requests.find { |request| request.target == "/a" }
    expect(asked["X-Forwarded-Proto"]).to eq("https")
  end

  it "tells each backend its own name, the client and the scheme" do
    backend = start_backend(host: host, port: 8001)
    proxy = start_example("from_caddy.rb")
    proxy.get("/", "Host" => "www.example.com")
    asked = backend.requests.find { |request| request.target == "/" }

    expect(%w[Host X-Real-IP X-Forwarded-Proto].map { |name| asked[name] }).to eq(["#{host}:8001", "127.0.0.1", "http"])
  end

  it "sends new requests to the backend with the fewest" do
    slow = start_applications(8000, held: true)[8000]
    start_applications(8001, 8002)
    proxy = start_example("from_caddy.rb")
    requests = requests_of_which_one_waits(3, slow) { proxy.get("/", "Host" => "www.example.com").body }

    expect(answers(20) { proxy.get("/", "Host" => "www.example.com") }.keys).to contain_exactly("8001", "8002")
    slow.release(1)
    expect(requests.map(&:value).sort).to eq(%w[8000 8001 8002])
  end

  it "takes a backend out when it says it is unwell, and back when it is well again" do
    applications = start_applications(8000, 8001, 8002)
    proxy = start_example("from_caddy.rb", { "interval: 10, timeout: 5" => "interval: 0.05, timeout: 1" })
    ports = -> { answers(12) { proxy.get("/", "Host" => "www.example.com") }.keys.sort }
    expect(ports.call).to eq(%w[8000 8001 8002])

    applications[8001].health = "503 Service Unavailable"
    eventually { expect(ports.call).to eq(%w[8000 8002]) }
    # Only 200 means well.
    applications[8001].health = "204 No Content"
    applications[8002].health = "503 Service Unavailable"
    eventually { expect(ports.call).to eq(%w[8000]) }
    applications.each_value { |application| application.health = "200 OK" }
    eventually { expect(ports.call).to eq(%w[8000 8001 8002]) }
  end

  it "routes by path below a host" do
    start_applications(8000, 9000)
    proxy = start_example("from_caddy.rb")
    answered = %w[/v2/users /v2/ /v1/users /v20/ /].to_h do |path|
      [path, proxy.get(path, "Host" => "api.example.com").body]
    end

    expect(answered)
      .to eq("/v2/users" => "9000", "/v2/" => "9000", "/v1/users" => "8000", "/v20/" => "8000", "/" => "8000")
  end
end
