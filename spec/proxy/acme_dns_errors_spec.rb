# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe Proxy::ConfigurationError, "about who writes TXT records" do
  include Proxyfiles

  hint = 'an object with add(name, value) and remove(name, value), { command: "bin/dns" } or ' \
         '{ rfc2136: "ns.example.com", key: { name: "…", secret: "…" } }'
  key = '{ name: "acme", secret: "…" } as tsig-keygen shows them'
  program = 'the path of a program, such as "bin/dns", or ["bin/dns", "--now"]'

  # What is written behind `dns:`, and what is told of it.
  {
    '"cloudflare"' => "a String is not a valid value: write #{hint}",
    "Struct.new(:token).new('s3cret')" => /\Aan? \S+ is not a valid value: write #{Regexp.escape(hint)}\z/,
    "Class.new { def add(name, value) = 1; def remove(name, value) = 1 }" => "this is a class: write .new(…)",
    "Class.new { def add(record) = 1; def remove(name, value) = 1 }.new" =>
      "add is called with a name and a value: write def add(name, value)",
    "Class.new { def add(name, value) = 1; def remove(name, value, zone:) = 1 }.new" =>
      "remove is called with a name and a value: write def remove(name, value)",
    "->(name, value) { }" => "the block is called with a record: write ->(record) { … }",
    "-> { }" => "the block is called with a record: write ->(record) { … }",
    "{}" => "it says nobody who writes records: write #{hint}",
    "{ zone: 'example.com' }" => "it says nobody who writes records: write #{hint}",
    "{ cloudflare: 's3cret' }" => /\Aunknown option :cloudflare/,
    "{ command: '' }" => "command: it is empty: write #{program}",
    "{ command: [] }" => "command: it is empty: write #{program}",
    "{ command: ['sh', 5] }" => "command: 5 is an Integer: write #{program}",
    "{ command: 'sh -c true' }" =>
      'command: "sh -c true" is a command line, which no shell reads: write command: ["sh", "-c", "true"]',
    "{ command: 'sh', zone: 'example.com' }" => "zone is not for a command: leave it out",
    "{ command: 'sh', rfc2136: 'ns', key: { name: 'a', secret: 'YWJj' } }" =>
      "rfc2136 and key are not for a command: leave it out",
    "{ rfc2136: 5 }" => 'rfc2136: 5 is an Integer: write a name server, such as "ns.example.com" or "10.0.0.2:5353"',
    "{ rfc2136: 'ns', key: 's3cret' }" => "key: a String is not a valid value: write #{key}",
    "{ rfc2136: 'ns', key: { name: 'a' } }" => "key: secret is missing: write #{key}",
    "{ rfc2136: 'ns', key: {} }" => "key: name and secret are missing: write #{key}",
    "{ rfc2136: 'ns', key: { name: 'a', secret: 5 } }" =>
      "key: secret: an Integer is not a valid value: write the secret in base64, as tsig-keygen shows it",
    "{ rfc2136: 'ns', key: { name: 'a', secret: 'YWJj', algorithm: 'hmac-md5' } }" =>
      /\Akey: algorithm: "hmac-md5" is unknown.*: write "hmac-sha256", "hmac-sha384" or "hmac-sha512"\z/
  }.each do |written, message|
    it "says what is wrong with dns: #{written}" do
      problems = problems_of("acme email: 'ops@example.com', dns: #{written}\nproxy to: 'http://127.0.0.1:1'\n")
      told = problems.filter_map { |problem| problem[/\AProxyfile:1: acme: dns: (.*)/m, 1] }

      expect(told).to match([message])
      expect(problems.join).not_to include("s3cret")
    end
  end

  it "says what a command or a name server lacks that the engine looks for" do
    problems = problems_of(<<~RUBY)
      acme email: "ops@example.com", dns: { command: "bin/dns" }
      proxy to: "http://127.0.0.1:1"
    RUBY

    expect(problems.grep(/dns:/)).to eq(
      ['Proxyfile:1: acme: dns: command: there is no program "bin/dns": write the path of a file that can be run']
    )
  end

  it "takes objects, blocks, commands and name servers" do
    write("bin/dns", "")
    {
      "Struct.new(:zone) { def add(name, value) = 1; def remove(*) = 1 }.new(1)" => { "block" => 0 },
      "->(record) { }" => { "block" => 0 },
      "proc { }" => { "block" => 0 },
      "method(:puts)" => { "block" => 0 },
      "{ command: 'bin/dns' }" => { "command" => ["#{directory}/bin/dns"] },
      "{ command: ['sh', '-c', 'true'] }" => { "command" => %w[sh -c true] },
      "{ rfc2136: 'ns.example.com' }" => { "rfc2136" => { "server" => "ns.example.com" } },
      "{ rfc2136: '10.0.0.2:5353', zone: 'a.example', key: { name: 'a', secret: 'YWJj', algorithm: 'hmac-sha512' } }" =>
        { "rfc2136" => { "server" => "10.0.0.2:5353", "key_name" => "a", "key_secret" => "YWJj",
                         "key_algorithm" => "hmac-sha512", "zone" => "a.example" } }
    }.each do |written, expected|
      config = Proxy::Config.load(write("Proxyfile", "acme dns: #{written}\nproxy to: 'http://127.0.0.1:1'\n"))

      expect(config.to_h.dig("acme", "dns")).to eq(expected), written
    end
  end
end
