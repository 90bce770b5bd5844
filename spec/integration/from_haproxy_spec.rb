# frozen_string_literal: true

require "support/example_files"
require "support/tls_client"

RSpec.describe "examples/from_haproxy.rb" do
  # The access log goes where nobody looks, and checks are more frequent than HAProxy's ten seconds.
  def start(changes = {})
    start_example("from_haproxy.rb",
                  { /^access_log "combined"/ => %(access_log "combined", to: "access.log"), **changes })
  end

  def start_with_quick_checks = start("interval: 10" => "interval: 0.05")

  # Which ports answer, over several requests.
  def ports(proxy, path = "/", headers = {}) = answers(12) { proxy.get(path, headers) }.keys.sort

  it "routes by the beginning of the path and by the Upgrade field" do
    start_applications(8000, 8001, 8002, 9100)
    start_applications(9000, 9001, health: "/api/healthz")
    proxy = start

    expect(ports(proxy)).to eq(%w[8000 8001])
    expect(ports(proxy, "/api/users")).to eq(%w[9000 9001])
    expect(ports(proxy, "/apis")).to eq(%w[8000 8001])
    expect(ports(proxy, "/chat", "Connection" => "close, Upgrade", "Upgrade" => "WebSocket")).to eq(["9100"])
    expect(ports(proxy, "/chat", "Connection" => "close, Upgrade", "Upgrade" => "other")).to eq(%w[8000 8001])
    # The rules are asked in their order.
    expect(ports(proxy, "/api/chat", "Connection" => "close, Upgrade", "Upgrade" => "websocket")).to eq(%w[9000 9001])
  end

  it "speaks TLS with a certificate and a key from one file" do
    start_applications(8000, 8001)
    pair = certs.server("app.test")
    file = File.join(directory, "example.pem")
    File.write(file, [pair.certificate_file, pair.key_file].map { |path| File.read(path) }.join)
    start_example("from_haproxy.rb",
                  { /"combined"/ => %("combined", to: "access.log"), "/etc/ssl/example.pem" => file }, bind: nil)
    client = TlsClient.connect("https://#{host}:8443", ca_file: certs.ca_file, verify_mode: OpenSSL::SSL::VERIFY_PEER)

    expect(client.request("GET", "/").body).to eq("8000").or eq("8001")
  end

  it "takes turns, tells the backend the client, and closes the connection to it" do
    backend = start_backend(host: host, port: 8000)
    start_applications(8001)
    proxy = start
    expect(answers(10) { proxy.get("/", "Host" => "shop.example") }.values).to eq([5, 5])

    asked = backend.requests.reject { |request| request.target == "/healthz" }
    expect(asked.first["X-Forwarded-For"]).to eq("127.0.0.1")
    expect(asked.map { |request| request["Host"] }.uniq).to eq(["shop.example"])
    expect(asked.map { |request| request["Connection"] }.uniq).to eq(["close"])
  end

  it "takes a backend out after three failed checks, and back after two" do
    applications = start_applications(8000, 8001, 8002)
    proxy = start_with_quick_checks
    expect(ports(proxy)).to eq(%w[8000 8001])

    applications[8000].health = "404 Not Found"
    eventually { expect(ports(proxy)).to eq(%w[8001]) }
    applications[8001].health = "503 Service Unavailable"
    eventually { expect(ports(proxy)).to eq(%w[8002]) }
    applications[8000].health = "200 OK"
    eventually { expect(ports(proxy)).to eq(%w[8000]) }
  end

  it "asks for the health of example.com" do
    backend = start_backend(host: host, port: 8000)
    start_with_quick_checks
    backend.await_requests(1)

    expect([backend.request.target, backend.request["Host"]]).to eq(["/healthz", "example.com"])
  end

  it "sends new requests to the API server with the fewest" do
    slow = start_applications(9000, health: "/api/healthz", held: true)[9000]
    start_applications(9001, health: "/api/healthz")
    proxy = start
    requests = requests_of_which_one_waits(2, slow) { proxy.get("/api/a").body }

    expect(answers(10) { proxy.get("/api/b") }).to eq("9001" => 10)
    slow.release(1)
    expect(requests.map(&:value).sort).to eq(%w[9000 9001])
  end

  it "drains a backend while it finishes what it has" do
    draining = start_applications(8000, held: true)[8000]
    start_applications(8001)
    proxy = start
    requests = requests_of_which_one_waits(2, draining) { proxy.get("/").body }
    proxy.server.drain("app_servers/#{host}:8000")

    expect(answers(10) { proxy.get("/") }).to eq("8001" => 10)
    draining.release(1)
    expect(requests.map(&:value).sort).to eq(%w[8000 8001])

    draining.release(10)
    proxy.server.ready("app_servers/#{host}:8000")
    expect(answers(10) { proxy.get("/") }).to eq("8000" => 5, "8001" => 5)
  end
end
