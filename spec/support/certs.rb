# frozen_string_literal: true

require "openssl"
require "tmpdir"

# Certificates for one example: a certificate authority and the certificates that it signs.
class Certs
  # A certificate and its key, in memory and as PEM files.
  Pair = Struct.new(:certificate, :key, :certificate_file, :key_file)

  attr_reader :authority

  def initialize
    @directory = Dir.mktmpdir("certs")
    @serial = 0
    @authority = issue("Test authority", authority: true)
  end

  # PEM file of the authority's certificate.
  def ca_file = authority.certificate_file

  # A certificate for a server; `names` are DNS names and addresses. `key`, `signer` and `validity` override the
  # defaults.
  def server(*names, **how) = issue(names.first, names: names, usage: "serverAuth", **how)

  # A certificate for a client. `names` are DNS names, addresses or `"URI:…"`.
  def client(name, **how) = issue(name, usage: "clientAuth", **how)

  # An intermediate authority that `signer` signs.
  def authority_below(name, signer: authority) = issue(name, authority: true, signer: signer)

  # A self-signed authority that is not trusted.
  def stranger(name) = issue(name, authority: true, signer: :itself)

  # A self-signed certificate for a server.
  def self_signed(*names) = issue(names.first, names: names, usage: "serverAuth", signer: :itself)

  # The TLS context of a server with the certificate `pair`. With `client_ca: true` it requires a client certificate of
  # this authority.
  def server_context(pair, client_ca: false)
    OpenSSL::SSL::SSLContext.new.tap do |context|
      context.cert = pair.certificate
      context.key = pair.key
      context.session_cache_mode = OpenSSL::SSL::SSLContext::SESSION_CACHE_OFF
      next unless client_ca

      context.verify_mode = OpenSSL::SSL::VERIFY_PEER | OpenSSL::SSL::VERIFY_FAIL_IF_NO_PEER_CERT
      context.cert_store = OpenSSL::X509::Store.new.tap { |store| store.add_cert(authority.certificate) }
    end
  end

  def remove = FileUtils.rm_rf(@directory)

  private

  def issue(name, names: [], usage: nil, authority: false, signer: self.authority,
            key: OpenSSL::PKey::EC.generate("prime256v1"),
            validity: Time.now - 3600..Time.now + 30 * 86_400)
    certificate = OpenSSL::X509::Certificate.new
    certificate.version = 2
    certificate.serial = (@serial += 1)
    certificate.subject = name.is_a?(Array) ? OpenSSL::X509::Name.new(name) : OpenSSL::X509::Name.new([["CN", name]])
    certificate.public_key = key
    certificate.not_before = validity.begin
    certificate.not_after = validity.end
    signer = nil unless signer.is_a?(Pair)
    certificate.issuer = signer ? signer.certificate.subject : certificate.subject
    extend_with(certificate, signer, names, usage, authority)
    signing = signer ? signer.key : key
    # Ed25519 takes no separate digest.
    certificate.sign(signing, signing.oid == "ED25519" ? nil : "SHA256")
    write(certificate, key)
  end

  def extend_with(certificate, signer, names, usage, authority)
    factory = OpenSSL::X509::ExtensionFactory.new(signer&.certificate || certificate, certificate)
    certificate.add_extension(factory.create_extension("basicConstraints", authority ? "CA:TRUE" : "CA:FALSE", true))
    certificate.add_extension(factory.create_extension("keyUsage",
                                                       authority ? "keyCertSign,cRLSign" : "digitalSignature", true))
    certificate.add_extension(factory.create_extension("subjectKeyIdentifier", "hash"))
    certificate.add_extension(factory.create_extension("extendedKeyUsage", usage)) if usage
    return if names.empty?

    alternatives = names.map do |name|
      next name if name.start_with?("URI:", "email:")

      name.match?(/\A[\d.]+\z|:/) ? "IP:#{name}" : "DNS:#{name}"
    end
    certificate.add_extension(factory.create_extension("subjectAltName", alternatives.join(",")))
  end

  def write(certificate, key)
    base = File.join(@directory, certificate.serial.to_s)
    File.write("#{base}.pem", certificate.to_pem)
    File.write("#{base}.key", key.is_a?(OpenSSL::PKey::EC) ? key.to_pem : key.private_to_pem)
    Pair.new(certificate, key, "#{base}.pem", "#{base}.key")
  end
end
