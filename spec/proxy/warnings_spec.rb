# frozen_string_literal: true

require_relative "proxyfiles"

# What is legal and surely meant otherwise.
RSpec.describe "the warnings of proxy check" do
  include Proxyfiles

  target = 'to: "http://a.example{path}{query}"'

  {
    "proxy #{target}, headers: { 'X-Client' => '{addr}' }" =>
      'proxy: headers: "X-Client": {addr} is sent as it is written: write { rewrite: "…" } around the text',
    "proxy #{target}, headers: { 'X-Client' => ['a', 'on {User-Agent} now'] }" =>
      'proxy: headers: "X-Client": {User-Agent} is sent as it is written: write { rewrite: "…" } around the text',
    "proxy #{target}, headers: { 'X-Session' => '{cookie.session|strip_prefix:a}' }" =>
      'proxy: headers: "X-Session": {cookie.session|strip_prefix:a} is sent as it is written: write { rewrite: "…" } ' \
      'around the text',
    "proxy #{target}, response_headers: { 'X-Took' => '{response_time}' }" =>
      'proxy: response_headers: "X-Took": {response_time} is sent as it is written: write { rewrite: "…" } around ' \
      'the text',
    "location('/users/:id') { proxy #{target}, headers: { 'X-User' => '{id}' } }" =>
      'proxy: headers: "X-User": {id} is sent as it is written: write { rewrite: "…" } around the text',
    "static_response headers: { 'X-Id' => '{request_id}' }" =>
      'static_response: headers: "X-Id": {request_id} is sent as it is written: write response_headers additions: { ' \
      '"X-Id" => "…" } ' \
      "as well",
    "location('/users/:id') { static_response headers: { 'X-User' => '{id}' } }" =>
      'static_response: headers: "X-User": {id} is sent as it is written: write response_headers additions: { ' \
      '"X-User" => "…" } ' \
      "as well",
    "proxy #{target}, error_response: { plaintext: 'no', headers: { 'X-Id' => '{request_id}' } }" =>
      "proxy: error_response: headers: X-Id: {request_id} is sent as it is written: leave it out",
    "location(%r{\\A/a/(\\w+)\\z}) { proxy to: 'http://a.example/{1}' }" =>
      "proxy: to: {1} stays as it is written: captures have names: write (?<name>…) and {name}",
    "location(%r{\\A/a/(\\w+)\\z}) { proxy to: 'http://a.example/$1' }" =>
      "proxy: to: $1 stays as it is written: captures have names: write (?<name>…) and {name}",
    "location('/u/:id') { proxy to: 'http://a.example/{Id}' }" =>
      "proxy: to: {Id} is the header of that name, not a capture (did you mean {id}?)",
    "location('/u/:host') { proxy #{target} }" =>
      "location: captures host, but {host} is a value of the request itself: give the capture another name",
    "proxy #{target}, allow_underscores: ['X_Forwarded_For']" =>
      'proxy: allow_underscores: "X_Forwarded_For" is X-Forwarded-For to many backends, so it is passed on from ' \
      'trusted_proxies ' \
      "alone: leave it out",
    "proxy #{target}, allow_underscores: ['X_User'], headers: { 'X-User' => 'a' }" =>
      'proxy: allow_underscores: "X_User" is X-User to many backends, which headers: sets or removes, so it is ' \
      'dropped: leave it out',
    'proxy to: "https://a.example{path}", verify_ssl: false' => /\Aproxy: verify_ssl: false accepts any certificate/,
    "allow_list '10.0.0.0/8', '0.0.0.0/0'" =>
      'allow_list: "0.0.0.0/0" lets everybody pass: write only the addresses that may, or leave the line out',
    "allow_list '::/0'" =>
      'allow_list: "::/0" lets everybody pass: write only the addresses that may, or leave the line out',
    "trusted_proxies '10.0.0.0/8', '0.0.0.0/0'" =>
      'trusted_proxies: "0.0.0.0/0" lets everybody claim any address: write only the addresses of your own proxies',
    "trusted_proxies '::/0'" =>
      'trusted_proxies: "::/0" lets everybody claim any address: write only the addresses of your own proxies'
  }.each do |text, message|
    it "tell of #{text}" do
      handler = text.start_with?("trusted_proxies", "allow_list") ? "static_response body: ''" : ""
      path = write("Proxyfile", "\n#{text}\n#{handler}\n")
      problems = Proxy.check(path)

      expect(problems.map(&:severity)).to eq([:warning]), problems.join("\n")
      expect(problems.map(&:line)).to eq([2])
      expect("#{problems.first.directive}: #{problems.first.message}")
        .to match(message.is_a?(String) ? /\A#{Regexp.escape(message)}\z/ : message)
    end
  end

  [
    "proxy #{target}, headers: { 'X-Client' => { rewrite: '{addr}' } }",
    "proxy #{target}, headers: { 'Report-To' => '{\"group\":\"default\"}', 'X-Brace' => '{unheard_of}' }",
    "proxy #{target}, response_headers: { 'X-Path' => 'a {braced} word' }",
    "static_response headers: { 'X-Brace' => '{unheard_of}' }",
    "trusted_proxies '10.0.0.0/8', 'unix:'\nstatic_response body: ''",
    "deny_list '0.0.0.0/0', '::/0'\nstatic_response body: ''"
  ].each do |text|
    it "are silent about #{text.inspect}" do
      expect(problems_of(text)).to eq([])
    end
  end
end
