# frozen_string_literal: true

require "support/integration"
require "open3"

RSpec.describe "https on one's own machine" do
  around do |example|
    before = ENV.fetch("XDG_DATA_HOME", nil)
    ENV["XDG_DATA_HOME"] = directory
    example.run
  ensure
    ENV["XDG_DATA_HOME"] = before
  end

  let(:ca) { "#{directory}/proxy/development/ca.pem" }

  def start(**options)
    start_proxy(bind: nil) do
      bind "https://localhost:0", **options
      log_level :error
      static_response body: "ok"
    end
  end

  def curl(proxy, host)
    port = URI(proxy.url).port
    Open3.capture2e("curl", "-sS", "--noproxy", "*", "--cacert", ca, "--resolve", "#{host}:#{port}:127.0.0.1",
                    "https://#{host}:#{port}/")
  end

  it "is accepted by curl under the names of this machine, by the authority of the first start" do
    proxy = start(domains: ["app.localhost"])
    made = File.read(ca)
    %w[localhost app.localhost 127.0.0.1].each { |host| expect(curl(proxy, host)[0]).to eq("ok") }
    expect(curl(proxy, "example.com")[1]).not_to be_success
    again = start
    expect(File.read(ca)).to eq(made)
    expect(curl(again, "localhost")[0]).to eq("ok")
    expect(File.stat(File.dirname(ca)).mode & 0o777).to eq(0o700)
    expect(Dir["#{File.dirname(ca)}/*"].map { |file| File.stat(file).mode & 0o777 }).to eq([0o600, 0o600])
  end

  it "is accepted by OpenSSL, and only for this machine" do
    start
    authority = OpenSSL::X509::Certificate.new(File.read(ca))
    key = OpenSSL::PKey.read(File.read("#{File.dirname(ca)}/ca-key.pem"))
    accepted = lambda do |name, purpose = OpenSSL::X509::PURPOSE_SSL_SERVER|
      store = OpenSSL::X509::Store.new.tap { |all| all.add_cert(authority) }
      store.purpose = purpose
      leaf = OpenSSL::X509::Certificate.new
      leaf.version = 2
      leaf.serial = 1
      leaf.subject = OpenSSL::X509::Name.new([["CN", "a stolen key's"]])
      leaf.issuer = authority.subject
      leaf.public_key = key
      leaf.not_before = Time.now - 60
      leaf.not_after = Time.now + 60
      leaf.add_extension(OpenSSL::X509::ExtensionFactory.new(authority, leaf).create_extension("subjectAltName", name))
      store.verify(leaf.sign(key, "SHA256"))
    end
    expect(%w[DNS:localhost DNS:a.b.localhost IP:127.0.0.5].map { |name| accepted.call(name) }).to all(be(true))
    expect(%w[DNS:example.com DNS:notlocalhost IP:192.0.2.7 IP:::2].map { |name| accepted.call(name) })
      .to all(be(false))
    mail = [OpenSSL::X509::PURPOSE_SMIME_SIGN, OpenSSL::X509::PURPOSE_SSL_CLIENT].map do |purpose|
      accepted.call("email:ceo@example.com", purpose)
    end
    expect(mail).to eq([false, false])
  end

  it "says on start how to have it trusted" do
    proxy = ChildProcess
            .new({ "XDG_DATA_HOME" => directory }, RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start",
                 "-c", "#{directory}/Proxyfile".tap do |path|
                   File.write(path, "bind 'https://localhost:0'\nstatic_response body: 'ok'")
                 end)
    proxy.await_output(%r{https://127\.0\.0\.1:\d+: uses a certificate for development; clients that trust #{ca} accept it:})
    proxy.await_output(%r{curl --cacert #{ca} https://127\.0\.0\.1:\d+/})
    proxy.await_output(/update-ca-certificates/)
  ensure
    proxy&.stop
  end
end
