# frozen_string_literal: true

require "open3"
require "support/integration"

RSpec.describe "preserve_host" do
  it "passes on the host that the client asked for, port included" do
    backend = start_backend
    address = backend.address
    proxy = start_proxy do
      upstream "app", backends: [address]
      location("/a") { proxy backends: [address], preserve_host: true }
      location("/b") { proxy to: "http://app", preserve_host: true }
      location("/c") { proxy to: "http://app", preserve_host: false }
    end
    %w[/a /b /c].each { |path| proxy.get(path, "Host" => "App.example.com:8443") }
    expect(backend.requests.map { |request| request["Host"] })
      .to eq(["App.example.com:8443", "App.example.com:8443", "app"])
  end

  it "leaves the name of the TLS handshake to `to`" do
    backend = start_backend(tls: certs.server_context(certs.server("b.test")))
    address, ca_file = backend.address, certs.ca_file
    proxy = start_proxy { proxy to: "https://b.test", backends: [address], ca_file: ca_file, preserve_host: true }
    expect(proxy.get("/", "Host" => "app.example.com:8443").status).to eq(200)
    expect([backend.handshakes.map(&:server_name), backend.request["Host"]]).to eq([["b.test"], "app.example.com:8443"])
  end

  it "gives way to headers, with a warning" do
    backend = start_backend
    proxy = start_proxy(to: backend, preserve_host: true, headers: { "host" => "set.test" })
    proxy.get("/", "Host" => "app.example.com")
    expect(backend.request["Host"]).to eq("set.test")
    expect(proxy.server.warnings.map(&:message)).to eq(["preserve_host: `headers` sets Host and wins: leave one of " \
                                                        "them out"])
  end

  it "changes with a reload" do
    backend = start_backend
    address = backend.address
    path = File.join(directory, "Proxyfile")
    text = "proxy to: 'http://b.test', backends: ['#{address}']"
    File.write(path, text)
    proxy = start_proxy(file: path)
    proxy.get("/", "Host" => "app.example.com")
    File.write(path, "#{text}, preserve_host: true")
    proxy.server.reload
    proxy.get("/", "Host" => "app.example.com")
    expect(backend.requests.map { |request| request["Host"] }).to eq(["b.test", "app.example.com"])
  end

  it "is in what `proxy init` writes" do
    Dir.mktmpdir do |directory|
      Open3.capture2e(RbConfig.ruby, "-I#{Dir.pwd}/lib", "#{Dir.pwd}/exe/proxy", "init", chdir: directory)
      options = Proxy::Config.load("#{directory}/Proxyfile").to_h["routes"].last["proxy"]
      expect(options).to include("preserve_host" => true)
    end
  end
end
