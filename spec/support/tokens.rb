# frozen_string_literal: true

require "base64"
require "json"
require "openssl"

# Signed tokens (JWT) of an issuer, made with OpenSSL.
module Tokens
  @rsa = []

  # A key pair for an algorithm; a String for algorithms with a shared secret. Each `number` has its own pair. RSA pairs
  # are kept, since to generate one takes seconds.
  def self.key(algorithm, number = 0)
    case algorithm
    when /\AHS/ then "0123456789abcdef0123456789abcdef"
    when /\A[RP]S/ then @rsa[number] ||= OpenSSL::PKey::RSA.generate(2048)
    when "ES256" then OpenSSL::PKey::EC.generate("prime256v1")
    when "ES384" then OpenSSL::PKey::EC.generate("secp384r1")
    else OpenSSL::PKey.read(IO.popen(%w[openssl genpkey -algorithm ed25519], &:read))
    end
  end

  # The public key in PEM.
  def self.public_pem(key)
    IO.popen(%w[openssl pkey -pubout], "r+") do |openssl|
      openssl.write(key.respond_to?(:private_to_pem) ? key.private_to_pem : key.to_pem)
      openssl.close_write
      openssl.read
    end
  end

  # A signed token.
  def self.sign(claims, algorithm, key, **header)
    message = [{ alg: algorithm, typ: "JWT", **header }, claims].map { |part| part64(JSON.generate(part)) }.join(".")
    "#{message}.#{part64(signature(message, algorithm, key))}"
  end

  def self.part64(bytes) = Base64.urlsafe_encode64(bytes, padding: false)

  def self.signature(message, algorithm, key)
    digest = "SHA#{algorithm[2..]}"
    case algorithm
    when /\AHS/ then OpenSSL::HMAC.digest(digest, key, message)
    when /\ARS/ then key.sign(digest, message)
    when /\APS/ then key.sign_pss(digest, message, salt_length: :digest, mgf1_hash: digest)
    when /\AES/ then fixed(key.sign(digest, message), key.group.degree / 8)
    else key.sign(nil, message)
    end
  end
  private_class_method :signature

  # The two numbers of an ASN.1 signature, each in `length` bytes.
  def self.fixed(signature, length)
    OpenSSL::ASN1.decode(signature).value.map { |number| number.value.to_s(2).rjust(length, "\0") }.join
  end
  private_class_method :fixed
end
