# frozen_string_literal: true

require "openssl"
require_relative "peers"

# A certificate, signed by an authority made for it, and its key, as files.
class Site
  attr_reader :certificate, :key

  def initialize(kind)
    directory = Dir.mktmpdir("bench")
    at_exit { FileUtils.rm_rf(directory) }
    @certificate, @key = %w[pem key].map { |ending| File.join(directory, "site.#{ending}") }
    pair = kind == "rsa" ? OpenSSL::PKey::RSA.new(2048) : OpenSSL::PKey::EC.generate("prime256v1")
    File.write(key, pair.to_pem)
    File.write(certificate, sign(pair).to_pem)
  end

  private

  def sign(pair)
    OpenSSL::X509::Certificate.new.tap do |made|
      made.version = 2
      made.serial = 1
      made.subject = made.issuer = OpenSSL::X509::Name.new([%w[CN bench.test]])
      made.public_key = pair
      made.not_before = Time.now - 3600
      made.not_after = Time.now + 30 * 86_400
      extensions = OpenSSL::X509::ExtensionFactory.new(made, made)
      made.add_extension(extensions.create_extension("subjectAltName", "DNS:bench.test"))
      made.sign(pair, "SHA256")
    end
  end
end

# Passes the certificate to a proxy.
module WithSite
  def initialize(name, site:, **peers)
    @site = site
    super(name, **peers)
  end

  def url = "https://#{address}/"
end

class TlsGem < ThisGem
  prepend WithSite

  private

  def environment = super.merge("BENCH_URL" => url, "BENCH_CERTIFICATE" => @site.certificate, "BENCH_KEY" => @site.key)

  def proxy_command = super[0..-2] << "#{CONFIG}/tls.Proxyfile"
end

class TlsNginx < Nginx
  prepend WithSite

  private

  def proxy_command
    values = { backend: @backend.address, certificate: @site.certificate, key: @site.key }
    ["nginx", "-p", @directory, "-c", render("nginx-tls.conf.erb", **values)]
  end
end
