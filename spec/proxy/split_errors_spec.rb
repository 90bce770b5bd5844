# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe Proxy::ConfigurationError, :wrong_types do
  include Proxyfiles

  key = '{ cookie: "uid" }, { header: "X-Account" }, "address" or "client"'
  parts = 'a name with its per cent, such as "v2" => 10'
  cookie = "16 or more, as `openssl rand -hex 32` prints them"

  # What is written, and the one message it gets.
  {
    "split by: :address" => "split: names no upstream: write #{parts}",
    "split 10" => "split: 10 is an Integer: write #{parts}",
    "split({ 1 => 10 })" => "split: 1 is no name of an upstream: write #{parts}",
    "split 'v2' => '10'" => "split: v2: \"10\" is a String: write per cent from 0 to 100, such as 10",
    "split 'v2' => -1" => "split: v2: -1 is negative: write per cent from 0 to 100, such as 10",
    "split 'v2' => 101" => "split: \"v2\": 101 is out of range: write per cent from 0 to 100, such as 20",
    "split 'v2' => 60, 'v3' => 60" =>
      "split: the percentages are 120 together: write 100 at most; what is left of it goes to the proxy of the " \
      "location",
    "split 'v9' => 10" => 'split: "v9" is no upstream (did you mean v2? There are v2, v3)',
    "split 'v2' => 10, by: :adress" => "split: by: :adress is unknown (did you mean \"address\"?): write #{key}",
    "split 'v2' => 10, by: { query: 'a' }" => /\Asplit: by: \{.*\} is unknown: write #{Regexp.escape(key)}\z/,
    "split 'v2' => 10, by: { cookie: 5 }" => "split: by: cookie: 5 is an Integer: write #{key}",
    "split 'v2' => 10, by: { cookie: 'a b' }" =>
      'split: by: cookie: "a b" cannot be the name of a cookie: write letters, digits, hyphens and underscores',
    "split 'v2' => 10, allow: ['ann']" => /\Asplit: allow: "ann" is not a valid address or network: write one such as/,
    "split 'v2' => 10, secret: 'short'" => "split: secret: 5 bytes can be guessed: write #{cookie}",
    "split 'v2' => 10, fallbak: true" => /\Asplit: unknown option :fallbak \(did you mean :fallback\?\)/,
    "mirror" => 'mirror: the value is missing: write the name of an upstream, such as "shadow"',
    "mirror 'v2', 'v3'" => 'mirror: takes one value, not 2: write the name of an upstream, such as "shadow"',
    "mirror 'v9'" => 'mirror: "v9" is no upstream (did you mean v2? There are v2, v3)',
    "mirror 'v2', percent: 101" => "mirror: percent: 101 is out of range: write per cent from 0 to 100, such as 20",
    "mirror 'v2', max_body: 99_000_000" =>
      "mirror: max_body: 99000000 is out of range: write a number from 0 to 16777216",
    "mirror 'v2', methods: ['get']" => 'mirror: methods: "get" is not a valid method: write one such as "POST"',
    "mirror 'v2', methods: []" =>
      'mirror: methods: it is empty: write methods, such as ["GET", "POST"], or leave it out',
    "maintenance 'tmp/off.txt'" => /\Amaintenance: takes options only, not "tmp\/off.txt": write maintenance if_file:/,
    "maintenance page: 'nowhere.html'" => /\Amaintenance: page: "nowhere.html" does not exist \(looked at .*\): write /,
    "maintenance allow: ['ten']" =>
      /\Amaintenance: allow: "ten" is not a valid address or network: write one such as "192.0.2.7"/,
    "maintenance bypass_cookie: 'a=letmein'" =>
      "maintenance: bypass_cookie: the value of the cookie has 7 bytes and can be guessed: write #{cookie}",
    "maintenance retry_after: -1" => "maintenance: retry_after: -1 is negative: write a whole number of seconds, " \
                                     "such as 60"
  }.each do |written, message|
    it "answers #{written}" do
      config = "upstream 'v2', backends: ['127.0.0.1:1']\nupstream 'v3', backends: ['127.0.0.1:2']\n#{written}\n" \
               "location('/2') { proxy to: 'http://v2{path}' }\nlocation('/3') { proxy to: 'http://v3{path}' }\n" \
               "proxy backends: ['127.0.0.1:3']"
      problems = problems_of(config)

      expect(problems.length).to eq(1), problems.join("\n")
      expect(problems.first).to start_with("Proxyfile:3: ")
      expect(problems.first.delete_prefix("Proxyfile:3: "))
        .to match(message.is_a?(String) ? /\A#{Regexp.escape(message)}\z/ : message)
    end
  end
end
