# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe Proxy::ConfigurationError, :wrong_types do
  include Proxyfiles

  keys = '"address", { header: "X-Api-Key" }, { query: "user_id" } or { rewrite: "{addr}{host}" }'
  networks = 'addresses and networks, such as "192.0.2.7", "10.0.0.0/8" or "fd00::/8"'
  one_network = 'one such as "192.0.2.7", "10.0.0.0/8" or "fd00::/8"'
  limit = "requests: 1, seconds: 1"
  origin = 'origins: "https://a.example"'

  # What is written, and the one message it gets.
  {
    "rate_limit 100" =>
      "rate_limit: takes options only, not 100: write rate_limit requests: 100, seconds: 60",
    "rate_limit(#{limit}) { }" => "rate_limit: takes no block: write its options after it, without { … } or do … end",
    "rate_limit seconds: 60" => "rate_limit: `requests` is missing: write requests: 100, seconds: 60",
    "rate_limit requests: 100" => "rate_limit: `seconds` is missing: write requests: 100, seconds: 60",
    "rate_limit requests: '100', seconds: 1" =>
      'rate_limit: requests: "100" is a String: write 100 without quotes, or Integer(…) around what ENV says',
    "rate_limit requests: 1, seconds: -1" =>
      "rate_limit: seconds: -1 is negative: write a number of seconds, such as 30 or 0.5",
    "rate_limit requests: 0, seconds: 1" =>
      "rate_limit: requests: 0 is out of range: write a number from 1 to 1000000000",
    "rate_limit requests: 1, seconds: 0" =>
      "rate_limit: seconds: 0 is out of range: write seconds from 0.001 to 315360000",
    "rate_limit requests: 1, second: 1" => /\Arate_limit: unknown option :second \(did you mean :seconds\?\)/,
    "rate_limit #{limit}, key: :adress" =>
      "rate_limit: key: :adress is unknown (did you mean \"address\"?): write #{keys}",
    "rate_limit #{limit}, key: 5" => "rate_limit: key: 5 is an Integer: write #{keys}",
    "rate_limit #{limit}, key: { cookie: 'a' }" =>
      /\Arate_limit: key: \{.*\} is unknown: write #{Regexp.escape(keys)}\z/,
    "rate_limit #{limit}, key: { header: 'a', query: 'b' }" => /\Arate_limit: key: \{.*\} is unknown: write /,
    "rate_limit #{limit}, key: { header: 5 }" => "rate_limit: key: header: 5 is an Integer: write #{keys}",
    "rate_limit #{limit}, key: { header: 'X Key' }" =>
      'rate_limit: key: header: "X Key" is not a valid header name: use letters, digits and hyphens',
    "rate_limit #{limit}, key: { query: '' }" =>
      'rate_limit: key: query: "" is not a valid name: write one, such as "user_id"',
    "rate_limit #{limit}, key: { rewrite: 'all' }" =>
      /\Arate_limit: key: rewrite: "all" is the same for every request.*: write a placeholder/,
    "rate_limit #{limit}, store: :memcached" => 'rate_limit: store: :memcached is unknown: write "memory"',
    "rate_limit #{limit}, store: { redis: 'redis://127.0.0.1' }" =>
      'rate_limit: store: counts in a Redis are not available in this version: write store: "memory", or leave it out',
    "rate_limit #{limit}, max_keys: 0" => "rate_limit: max_keys: 0 is out of range: write a number from 2 to 10000000",
    "rate_limit #{limit}, error_response: :teapot" =>
      /\Arate_limit: error_response: :teapot is unknown: write "bad_request", /,
    "allow_list" => "allow_list: the value is missing: write #{networks}",
    "allow_list []" => "allow_list: the value is missing: write #{networks}",
    "allow_list '10.0.0.0/8', 5" => "allow_list: 5 is an Integer: write #{networks}",
    "allow_list 'localhost'" => "allow_list: \"localhost\" is not a valid address or network: write #{one_network}",
    "allow_list '10.0.0.0/8', error_response: :forbiden" =>
      /\Aallow_list: error_response: :forbiden is unknown \(did you mean "forbidden"\?\)/,
    "deny_list ['192.0.2.7', '10.0.0.1/8']" =>
      'deny_list: "10.0.0.1/8" has address bits set after its prefix: write "10.0.0.0/8" for the network, or ' \
      '"10.0.0.1" for the address',
    "deny_list '192.0.2.7', reason: 'spam'" => "deny_list: unknown option :reason: its only option is :error_response",
    "rewrite '/v2{path}'" => 'rewrite: takes options only, not "/v2{path}": write rewrite path: "/v2{path}"',
    "rewrite error_response: :not_found" => 'rewrite: `path` is missing: write path: "/v2{path}"',
    "rewrite path: nil" => 'rewrite: path: nil is not allowed: write a path, such as "/v2{path}", or leave it out',
    "rewrite path: /a/" => 'rewrite: path: /a/ is a Regexp: write a path, such as "/v2{path}"',
    "rewrite path: 'v2'" => 'rewrite: path: "v2" is not a valid path: begin it with /, or with {path}',
    "max_body" => "max_body: the value is missing: write a whole number of bytes, such as 1_048_576",
    "max_body 1, 2" => "max_body: takes one value, not 2: write a whole number of bytes, such as 1_048_576",
    "max_body '1M'" => 'max_body: "1M" is a String: write 1_048_576',
    "max_body(-1)" => "max_body: -1 is negative: write a whole number of bytes, such as 1_048_576",
    "max_body 1, error_response: 413" => "max_body: error_response: 413 is an Integer: write :payload_too_large",
    "proxy to: 'http://a.example', max_body: 1.5" =>
      "proxy: max_body: 1.5 is a Float: write a whole number of bytes, such as 1_048_576",
    "cors" => 'cors: `origins` is missing: write origins: ["https://app.example.com"]',
    "cors origins: []" => 'cors: `origins` is missing: write origins: ["https://app.example.com"]',
    "cors origins: /example/" =>
      'cors: origins: /example/ is a Regexp: write origins, such as ["https://app.example.com"]',
    "cors origins: ['a.example']" =>
      'cors: origins: "a.example" is not a valid origin: write one such as "https://app.example.com", or "*"',
    "cors origins: '*', credentials: true" =>
      'cors: origins: with credentials, "*" would let every site act on behalf of its visitors: name the origins ' \
      'that may',
    "cors #{origin}, methods: 5" => 'cors: methods: 5 is an Integer: write methods, such as ["GET", "POST"]',
    "cors #{origin}, headers: ['X A']" => 'cors: headers: "X A" is not a valid name: use letters, digits and hyphens',
    "cors #{origin}, expose: ['*'], credentials: true" =>
      'cors: expose: with credentials, browsers ignore "*": name the headers',
    "cors #{origin}, credentials: 1" => "cors: credentials: 1 is an Integer: write true",
    "cors #{origin}, max_age: '1d'" => 'cors: max_age: "1d" is a String: write 86_400',
    "log_requests" =>
      'log_requests: writes nothing: write before: "{method} {path}", after: "{status} in {response_time}"',
    "log_requests before: '{Authorization}'" =>
      "log_requests: before: {Authorization} would write secrets into the log: leave it out",
    "log_requests after: '{status} {cookie.session}'" =>
      "log_requests: after: {cookie.session} would write secrets into the log: leave it out",
    "log_requests before: :method" =>
      'log_requests: before: :method is a Symbol: write text with placeholders, such as "{method} {path}"',
    "redirect_http_to_https! 443" =>
      "redirect_http_to_https!: takes options only, not 443: write redirect_http_to_https!",
    "redirect_http_to_https! port: 0" =>
      "redirect_http_to_https!: port: 0 is not a valid port: write a number from 1 to 65535",
    "redirect_http_to_https! port: '443'" =>
      'redirect_http_to_https!: port: "443" is a String: write 443 without quotes, or Integer(…) around what ENV says',
    "redirect '/a'" => 'redirect: takes options only, not "/a": write redirect to: "/a"',
    "redirect(to: '/a') { }" => "redirect: takes no block: write its options after it, without { … } or do … end",
    "redirect type: :found" => 'redirect: `to` is missing: write to: "https://{host}{path}{query}"',
    "redirect to: 5" => 'redirect: to: 5 is an Integer: write a URL or a path, such as "https://{host}{path}{query}"',
    "redirect to: 'ftp://a.example'" =>
      'redirect: to: "ftp://a.example" is neither an absolute URL nor a path: write http:// or https://, or ' \
      '"/new{path}"',
    "redirect to: '//a.example/'" =>
      'redirect: to: "//a.example/" names a host without a scheme: write "https://a.example/"',
    "redirect to: '/a', type: 301" =>
      "redirect: type: 301 is an Integer: write :moved_permanently",
    "redirect to: '/a', type: :permanant" =>
      /\Aredirect: type: :permanant is unknown \(did you mean "permanent"\?\): write "permanent", /
  }.each do |text, message|
    it "says what is wrong with #{text}" do
      problems = problems_of("static_response body: 'a'\n\n#{text}\n")

      expect(problems.length).to eq(1), problems.join("\n")
      expect(problems.first).to start_with("Proxyfile:3: ")
      expect(problems.first.delete_prefix("Proxyfile:3: "))
        .to match(message.is_a?(String) ? /\A#{Regexp.escape(message)}\z/ : message)
    end
  end

  it "reports what is wrong with every option of a filter at once" do
    problems = problems_of(<<~RUBY)
      static_response body: "a"
      rate_limit requests: 0, seconds: 0, key: { query: "" }, max_keys: 1
      cors origins: ["a"], methods: ["a b"], expose: ["a b"]
    RUBY

    expect(problems.map { |problem| problem[/\AProxyfile:\d: \w+: \w+/] }).to eq(
      ["Proxyfile:2: rate_limit: requests", "Proxyfile:2: rate_limit: seconds", "Proxyfile:2: rate_limit: max_keys",
       "Proxyfile:2: rate_limit: key", "Proxyfile:3: cors: origins", "Proxyfile:3: cors: methods",
       "Proxyfile:3: cors: expose"]
    )
  end

  it "warns of what looks like a slip" do
    problems = problems_of(<<~RUBY)
      location("/a") { static_response body: "a" }
      rewrite path: "/{path}"
      log_requests after: "{statsu}"
      rate_limit requests: 1, seconds: 1, key: { rewrite: "{adr}" }
      redirect to: "/new/{path}"
    RUBY

    expect(problems.map { |problem| problem[/\AProxyfile:\d: \w+: .*\{\w+\}/] }).to eq(
      ["Proxyfile:2: rewrite: path: {path}", "Proxyfile:3: log_requests: after: {statsu} stays as it is written (did " \
                                             "you mean {status}",
       "Proxyfile:4: rate_limit: key: rewrite: {adr} stays as it is written (did you mean {addr}",
       "Proxyfile:5: redirect: to: {path}"]
    )
  end
end
