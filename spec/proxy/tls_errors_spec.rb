# frozen_string_literal: true

require_relative "proxyfiles"
require "support/certs"

RSpec.describe "what is wrong with TLS" do
  include Proxyfiles

  certs = Certs.new
  after(:all) { certs.remove }

  site, other, strange = certs.server("app.test", "*.shop.test"), certs.server("b.test"), certs.server("app.test")
  hour = 3600
  over = certs.server("app.test", validity: Time.now - 2 * hour..Time.now - hour)
  early = certs.server("app.test", validity: Time.now + hour..Time.now + 60 * 86_400)
  late = certs.server("app.test", validity: Time.now - hour..Time.now + 5 * 86_400)
  nameless = certs.client("no names")
  encrypted = OpenSSL::PKey::EC.generate("prime256v1")
  httpdate = ->(moment) { Time.at(moment).utc.strftime("%a, %d %b %Y %H:%M:%S GMT") }

  # The files that stand beside each Proxyfile.
  files = {
    "site.pem" => site.certificate.to_pem, "site.key" => site.key.to_pem,
    "other.pem" => other.certificate.to_pem, "other.key" => other.key.to_pem,
    "same.pem" => strange.certificate.to_pem, "same.key" => strange.key.to_pem,
    "over.pem" => over.certificate.to_pem + over.key.to_pem,
    "early.pem" => early.certificate.to_pem + early.key.to_pem,
    "late.pem" => late.certificate.to_pem + late.key.to_pem,
    "nameless.pem" => nameless.certificate.to_pem + nameless.key.to_pem,
    "ca.pem" => certs.authority.certificate.to_pem,
    "encrypted.key" => encrypted.private_to_pem("aes256", "secret"),
    "old.key" => encrypted.to_pem(OpenSSL::Cipher.new("aes128"), "secret"),
    "damaged.pem" => site.certificate.to_pem.sub(/^M/, "?"),
    "empty.pem" => "nothing\n"
  }

  bind = 'bind "https://127.0.0.1:0", '
  pair = 'certificate: "site.pem", key: "site.key"'

  # What is written, and the one message it gets.
  {
    'bind "https://0.0.0.0:0"' =>
      'bind: https needs a certificate: write certificate: "tls/site.pem", key: "tls/site.key", or a line ' \
      'acme email: "ops@example.com"; only "https://localhost:PORT" makes its own',
    # A key that was written in place of its path goes into no log.
    "#{bind}certificate: File.read(__dir__ + '/site.pem'), key: File.read(__dir__ + '/site.key')" => [
      'bind: certificate: this is the text of a file, not its path: write the path of a PEM file, such as ' \
      '"tls/site.pem"',
      'bind: key: this is the text of a file, not its path: write the path of a PEM file, such as "tls/site.key"'
    ],
    "#{bind}certificates: { key: File.read(__dir__ + '/site.key') }" =>
      /\Abind: certificates: \{.*PRIVATE KEY-----\.\.\. is a Hash: write an Array such as /,
    "#{bind}certificate: 'no.pem', key: 'site.key'" =>
      'bind: certificate: "no.pem" does not exist (looked at no.pem): write the path of a PEM file, such as ' \
      '"tls/site.pem"',
    "#{bind}certificate: 'site.pem', key: 'no.key'" =>
      'bind: key: "no.key" does not exist (looked at no.key): write the path of a PEM file, such as "tls/site.key"',
    "#{bind}certificate: 5" =>
      'bind: certificate: 5 is an Integer: write the path of a PEM file, such as "tls/site.pem"',
    "#{bind}cert: 'site.pem', certificate: 'site.pem'" =>
      "bind: :certificate and :cert are the same option: write one of them",
    "#{bind}certificate: 'empty.pem', key: 'site.key'" =>
      'bind: certificate: "empty.pem" contains no certificate: it must be a PEM file (BEGIN CERTIFICATE)',
    "#{bind}certificate: 'damaged.pem', key: 'site.key'" =>
      /\Abind: certificate: "damaged.pem" is damaged: what is between BEGIN and END is not valid base64; copy it again\z/,
    "#{bind}certificate: 'site.pem', key: 'empty.pem'" =>
      'bind: key: "empty.pem" contains no private key: it must be a PEM file (BEGIN PRIVATE KEY), not encrypted',
    "#{bind}certificate: 'site.pem'" =>
      'bind: certificate: "site.pem" contains no private key: it must be a PEM file (BEGIN PRIVATE KEY), not ' \
      'encrypted; or name the ' \
      "file of its key with `key`",
    "#{bind}certificate: 'site.pem', key: 'encrypted.key'" =>
      'bind: key: "encrypted.key" is encrypted, and nobody is there to type its password: write it without one, as ' \
      'in openssl pkey -in ' \
      "encrypted.key -out plain.key",
    "#{bind}certificate: 'site.pem', key: 'old.key'" => /\Abind: key: "old.key" is encrypted, /,
    "#{bind}certificate: 'site.pem', key: 'other.key'" =>
      'bind: key: "other.key" is not the key of the first certificate in "site.pem": write the server\'s own ' \
      'certificate first, and its key',
    "#{bind}#{pair}, ocsp: 'ca.pem'" =>
      'bind: ocsp: "ca.pem" is not an OCSP response in DER: get one with openssl ocsp -respout ca.pem',
    "#{bind}#{pair}, client_ca: 'empty.pem'" =>
      'bind: client_ca: "empty.pem" contains no certificate: it must be a PEM file (BEGIN CERTIFICATE)',
    "#{bind}#{pair}, verify: :require" =>
      'bind: verify: "require" has no effect without the authorities of clients: add `client_ca`, a PEM file',
    "#{bind}#{pair}, client_ca: 'ca.pem', verify: :optionel" =>
      'bind: verify: :optionel is unknown (did you mean "optional"?): write "require" or "optional"',
    "#{bind}#{pair}, client_ca: 'ca.pem', verify: false" =>
      'bind: verify: false is not allowed: write "require" or "optional"',
    "#{bind}#{pair}, min_tls: 'TLSv1'" => 'bind: min_tls: "TLSv1" is unknown: write "1.2" or "1.3"',
    "#{bind}#{pair}, min_tls: 1.3" => 'bind: min_tls: 1.3 is a Float: write "1.2" or "1.3"',
    "#{bind}#{pair}, protocols: ['h4']" => 'bind: protocols: "h4" is unknown (did you mean "h1"?): write "h1" or "h2"',
    "#{bind}#{pair}, protocols: [:h2, :h3]" =>
      'bind: protocols: "h3" is not available in this version: write "h2" or "h1"',
    "#{bind}#{pair}, protocols: 'h2,spdy'" => 'bind: protocols: "spdy" is unknown: write "h1" or "h2"',
    "#{bind}#{pair}, protocols: []" => 'bind: protocols: the list is empty: write ["h2", "h1"], or leave it out',
    "#{bind}#{pair}, protocols: 2" => 'bind: protocols: 2 is an Integer: write an Array such as ["h2", "h1"]',
    "#{bind}#{pair}, domains: ['app.test', 'http://app.test']" =>
      'bind: domains: "http://app.test" is a URL: write its host alone, such as "example.com"',
    "#{bind}#{pair}, domains: ['*']" =>
      'bind: domains: "*" is every name: leave domains out, the first certificate is shown for all that no other is ' \
      'for',
    "#{bind}#{pair}, certificates: [{ #{pair} }]" => [
      "bind: certificate and certificates contradict each other: write certificate inside of certificates",
      "bind: key and certificates contradict each other: write key inside of certificates"
    ],
    "#{bind}certificates: []" =>
      'bind: certificates: the list is empty: write an Array such as [{ certificate: "tls/site.pem", key: ' \
      '"tls/site.key" }]',
    "#{bind}certificates: { #{pair} }" =>
      /\Abind: certificates: \{.*\} is a Hash: write an Array such as /,
    "#{bind}certificates: ['site.pem']" =>
      'bind: certificates: "site.pem" is a String: write an Array such as [{ certificate: "tls/site.pem", key: ' \
      '"tls/site.key" }]',
    "#{bind}certificates: [{ key: 'site.key' }]" =>
      /\Abind: certificates: \{.*\} has no certificate: write an Array such as /,
    "#{bind}certificates: [{ #{pair}, domain: 'a' }]" =>
      "bind: certificates: unknown option :domain (did you mean :domains?)",
    "#{bind}certificates: [{ #{pair}, domains: ['app.test'] }, { certificate: 'same.pem', key: 'same.key', domains: " \
    "['App.test.'] }]" =>
      'bind: domains: "App.test." is listed for "site.pem" too: leave it out of one of them',
    "bind 'http://127.0.0.1:0', #{pair}, verify: :require" =>
      'bind: certificate, key and verify are for TLS: write "https://…" in place of "http://127.0.0.1:0"',
    "bind 'http://127.0.0.1:0', min_tls: '1.3'" =>
      'bind: min_tls is for TLS: write "https://…" in place of "http://127.0.0.1:0"',
    # Warnings.
    "#{bind}certificate: 'over.pem'" =>
      "bind: certificate: \"over.pem\" expired on #{httpdate[over.certificate.not_after]}: clients will refuse it; " \
      "renew it",
    "#{bind}certificate: 'early.pem'" =>
      "bind: certificate: \"early.pem\" is not valid before #{httpdate[early.certificate.not_before]}: clients will " \
      "refuse it until then",
    "#{bind}certificate: 'late.pem'" =>
      "bind: certificate: \"late.pem\" expires on #{httpdate[late.certificate.not_after]}: renew it",
    "#{bind}#{pair}, domains: ['app.test', 'a.shop.test', '*.shop.test', 'shop.test']" =>
      'bind: domains: "shop.test" is not among the names of "site.pem": clients will refuse it; get a certificate ' \
      'for it',
    "#{bind}#{pair}, domains: ['a.b.shop.test']" => /"a.b.shop.test" is not among the names/,
    "#{bind}certificates: [{ #{pair} }, { certificate: 'same.pem', key: 'same.key' }]" =>
      'bind: certificates: "site.pem" and "same.pem" are both for "app.test", and the first is shown: write domains',
    "#{bind}certificates: [{ #{pair} }, { certificate: 'nameless.pem' }]" =>
      [
        'bind: certificate: "nameless.pem" has no subjectAltName: most clients will refuse it; make one with -addext ' \
        '"subjectAltName=DNS:example.com"',
        'bind: certificates: "nameless.pem" has no names, and is never shown: write them as domains'
      ]
  }.each do |text, messages|
    it "is said of #{text}" do
      files.each { |name, content| write(name, content) }
      problems = problems_of("static_response body: ''\n\n#{text}\n")

      expect(problems)
        .to match(Array(messages).map { |message|
                    message.is_a?(String) ? "Proxyfile:3: #{message}" :
                            /\AProxyfile:3: .*#{message.source.delete_prefix('\\A')}/
                  })
    end
  end

  it "is nothing with a certificate that is as it should be" do
    files.each { |name, content| write(name, content) }
    text = <<~RUBY
      bind "https://127.0.0.1:0?cert=site.pem&key=site.key&domains=app.test,a.shop.test&protocols=h1"
      bind "https://127.0.0.1:0", client_ca: "ca.pem", verify: "optional", certificates: [
        { cert: "site.pem", key: "site.key" }, { cert: "other.pem", key: "other.key", client_ca: "ca.pem" }
      ]
      static_response body: ""
    RUBY
    expect(problems_of(text)).to eq([])
  end
end
