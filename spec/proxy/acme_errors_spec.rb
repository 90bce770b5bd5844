# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "what is wrong with acme" do
  include Proxyfiles

  eab = "write { id: \"…\", key: \"…\" } as the authority shows them"
  challenges = 'write "tls-alpn-01", "http-01", "dns-01" or "dns-persist-01"'
  block = '->(name) { … }, or a URL such as "http://127.0.0.1:3000/domains"'

  # What is written, and the one message it gets.
  {
    'acme "me@example.org"' => 'acme: takes options only, not "me@example.org": write acme email: "me@example.org"',
    "acme true" => 'acme: takes options only, not true: write acme email: "ops@example.com"',
    'acme email: "me"' => 'acme: email: "me" is no address: write an address, such as "ops@example.com"',
    'acme email: "mailto:me@example.org"' =>
      'acme: email: "…@example.org" is no address: write "me@example.org"',
    'acme email: "me@example.org\0"' =>
      'acme: email: "me@example.org\u0000" is no address: write an address, such as "ops@example.com"',
    "acme on_demand: -> {}" => "acme: on_demand: the block is called with a name: write ->(name) { … }",
    "acme on_demand: ->(a, b) {}" => "acme: on_demand: the block is called with a name: write ->(name) { … }",
    "acme email: 5" => 'acme: email: 5 is an Integer: write an address, such as "ops@example.com"',
    "acme { }" => "acme: takes no block: write its options after it, without { … } or do … end",
    "acme; acme" => /\Aacme: is set twice, first at \S+:1: keep one of the lines\z/,
    'host("a.example") { acme }' => "acme: belongs outside of every location: move it to the top level",
    "acme authority: nil" =>
      'acme: authority: nil is not allowed: write a name such as "letsencrypt", or the URL of a directory, or leave ' \
      "it out",
    'acme eab: "abc"' => "acme: eab: a String is not a valid value: #{eab}",
    "acme eab: {}" => "acme: eab: it is empty: #{eab}, or leave it out",
    'acme eab: { id: "a" }' => "acme: eab: key is missing: #{eab}",
    'acme eab: { "zerossl" => { key: "s3cret" } }' => "acme: eab: zerossl: id is missing: #{eab}",
    "acme eab: { id: 'a', key: 5 }" =>
      "acme: eab: key: an Integer is not a valid value: write the key in base64url, as the authority shows it",
    "acme eab: { id: 'a', key: 'b', name: 'c' }" =>
      "acme: eab: unknown option :name: the nearest are :hmac, :id and :kid; `proxy help eab` explains them all",
    'acme challenge: "http"' => 'acme: challenge: "http" is unknown: write "http-01"',
    'acme challenge: ["dns-02"]' =>
      "acme: challenge: \"dns-02\" is unknown (did you mean \"dns-01\"?): #{challenges}",
    "acme challenge: []" => "acme: challenge: the list is empty: #{challenges}, or leave it out",
    "acme key: :rsa" => 'acme: key: :rsa is unknown: write "rsa2048"',
    "acme renew: -1" =>
      "acme: renew: -1 is negative: write a part of its life, such as 0.3, or a number of seconds, such as 864_000",
    "acme on_demand: true" =>
      "acme: on_demand: true would let anybody order certificates here: write #{block}, which says which names may " \
      "have one",
    'acme on_demand: "/domains"' => "acme: on_demand: \"/domains\" is not a valid URL: write #{block}",
    "acme on_demand_limits: { waiting: 3 }" =>
      "acme: on_demand_limits: has no meaning without on_demand: write on_demand: …, or leave it out",
    "acme propagation: 60" => "acme: propagation: has no meaning without dns: write dns: …, or leave it out",
    "acme on_demand: ->(_) {}, on_demand_limits: { wait: 3 }" =>
      /\Aacme: on_demand_limits: unknown option :wait \(did you mean :waiting\?\)\z/
  }.each do |written, message|
    it "says what to write in place of #{written}" do
      config = Proxy::Config.load(write("Proxyfile", "#{written}\n"))

      expect(config.errors.map { |problem| "#{problem.directive}: #{problem.message}" }).to match([message])
    end
  end

  # A mistake of `acme`, and that of the bind and the host beside it if they are told of.
  {
    'acme "me@example.org"' => ["acme"],
    'host("a.example.org") { acme }' => ["acme"],
    'acme; bind "https://0.0.0.0:443", certificate: "missing.pem"' => ["bind"],
    'acme; host("*.*.example.org") {}' => ["host"]
  }.each do |written, directives|
    it "tells nothing that follows from what is wrong in #{written}" do
      source = "#{written}\nbind 'https://0.0.0.0:8443'\nstatic_response body: ''\n"
      config = Proxy::Config.load(write("Proxyfile", written.include?("bind") ? written : source))

      expect(config.problems.map(&:directive)).to eq(directives)
    end
  end

  it "never shows the key of an account" do
    source = "acme eab: { 'zerossl' => ['s3cret'] }\nacme eab: { id: 's3cret' }\nacme eab: { id: 'a', key: :s3cret }\n"

    expect(Proxy::Config.load(write("Proxyfile", source)).problems.join).not_to include("s3cret")
  end
end
