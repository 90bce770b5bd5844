# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "messages about one wrong directive", :wrong_types do
  include Proxyfiles

  target = 'to: "http://a.example"'
  seconds = "write a number of seconds, such as 30 or 0.5"
  paths = 'a path such as "/about", "/api/*" or "/users/:id", or a Regexp'
  policies = 'write "round_robin", "ordered", "random", "least_conn", "random_two" or "ip_hash", { hash: "{path}" } ' \
             'or { sticky: "cookie_name" }'

  # What is written, and the one message it gets.
  {
    "proxy backend: []" =>
      "proxy: unknown option :backend (did you mean :backends?)",
    "proxy #{target}, weight: 3" =>
      'proxy: unknown option :weight: this is set for each backend: write backends: [{ address: "127.0.0.1:3001", ' \
      'weight: 3 }]',
    'proxy "to" => "http://a.example"' =>
      'proxy: option names are Symbols: write to: instead of "to" =>',
    'proxy "http://a.example"' =>
      'proxy: takes options only, not "http://a.example": write proxy to: "http://a.example"',
    "proxy timeout: 3" =>
      'proxy: `to` is missing: write to: "http://backend.example.com{path}{query}", or backends: ["127.0.0.1:3001"]',
    "proxy to: nil" =>
      'proxy: `to` is nil: write to: "http://backend.example.com{path}{query}", or backends: ["127.0.0.1:3001"]',
    "proxy(#{target}) { }" => "proxy: takes no block: write its options after it, without { … } or do … end",
    "static_response { 'hello' }" =>
      "static_response: takes no block: write its options after it, without { … } or do … end",
    "threads(1) { }" => "threads: takes no block: write its options after it, without { … } or do … end",
    "log_level(:warn) { }" => "log_level: takes no block: write its options after it, without { … } or do … end",
    "bind('http://127.0.0.1:0') { }" => "bind: takes no block: write its options after it, without { … } or do … end",
    "cache false" =>
      "cache: false does not switch it off: leave this line out, and write cache in those locations alone that are " \
      "to have it",
    "compress false" =>
      "compress: false does not switch it off: leave this line out, and write compress in those locations alone that " \
      "are to have it",
    "etag false" =>
      "etag: false does not switch it off: leave this line out, and write etag in those locations alone that are to " \
      "have it",
    "compress level: { brotli: 5 }" => "compress: level: unknown option :brotli: write br: 5",
    "compress level: { deflate: 5 }" => "compress: level: unknown option :deflate: write gzip: 5",
    'static_files root: "/", cache_control: { ".css" => "no-cache" }' =>
      'static_files: cache_control: ".css" is no pattern of paths: write "*.css"',
    'static_files root: "/", cache_control: { "site.css" => "no-cache" }' =>
      'static_files: cache_control: "site.css" is no pattern of paths: write "/site.css"',
    'static_files root: "/", cache_control: { "/q?x.txt" => "no-cache" }' =>
      'static_files: cache_control: "/q?x.txt" has a query, and files have none: write "/q%3Fx.txt" if the ? is ' \
      "part of a name",
    'cache "z", memory: 400_000; cache "z"' =>
      "cache: memory: 400000 is out of range: write a number from 1048576 to 1099511627776",
    'cache "z", memory: 4_000_000, max_object: 3_000_000; cache "z"' =>
      "cache: max_object: 3000000 is more than a quarter of memory: write at most 1000000, or more memory",
    'cache "z", disk: true; cache "z"' =>
      'cache: disk: true is not allowed: write a Hash, such as { path: "tmp/cache/proxy", size: 1_000_000_000 }',
    'cache "z", memory: "64MB"; location("/a/*") { cache "z" }' =>
      'cache: memory: "64MB" is a String: write 67_108_864',
    'cache "z", memroy: 64_000_000; cache "z"' => "cache: unknown option :memroy (did you mean :memory?)",
    "access_log false, to: 'a.log'" =>
      "access_log: false and `to` contradict each other: write a format, or leave `to` out",
    "proxy #{target}, backends: [nil, 'a:1']" =>
      'proxy: backends: an address is nil: write addresses, such as ["127.0.0.1:3001", "127.0.0.1:3002"]',
    "proxy backends: ['unix://app.sock']" =>
      'proxy: backends: "unix://app.sock" is not a valid address: a socket has no host; write "unix:///app.sock"',
    "proxy #{target}, headers: { 'X-A' => 'a', 'x-a' => 'b' }" =>
      'proxy: headers: "X-A" and "x-a" are the same header: write one of them, with an Array for several values',
    "proxy #{target}, timeout: 10**400" => /\Aproxy: timeout: 10{76}\.\.\. is not a valid number of seconds: /,
    "proxy #{target}, path_prefix: 5, strip_prefix: true" =>
      'proxy: path_prefix: 5 is an Integer: write a path, such as "/api"',
    "resolver []" => 'resolver: the value is missing: write DNS servers, such as "127.0.0.1:53"',
    "static_response(body: ''); bind ''" =>
      'bind: "" is not a valid URL: write "http://127.0.0.1:8080", "https://localhost:8443" or ' \
      '"unix:///run/proxy.sock"',
    "bind 'http://127.0.0.1:0?backlog=1&backlog=2'" => "bind: backlog is written twice in the URL: keep one of them",
    "proxy to: 3" =>
      'proxy: to: 3 is an Integer: write a URL, such as "http://backend.example.com{path}{query}"',
    "proxy #{target}, backends: []" =>
      'proxy: backends: the list is empty: write addresses, such as ["127.0.0.1:3001", "127.0.0.1:3002"], or hold: ' \
      "true to let requests wait until a reload brings some",
    'proxy backends: "127.0.0.1:3001"' =>
      'proxy: backends: "127.0.0.1:3001" is a String: write ["127.0.0.1:3001"]',
    'proxy backends: [{ address: "a:1", wieght: 3 }]' =>
      "proxy: backends: unknown option :wieght (did you mean :weight?)",
    "proxy backends: [{ weight: 3 }]" =>
      /\Aproxy: backends: \{.*\} has no address: write \{ address: "127.0.0.1:3001" \}\z/,
    "proxy backends: [{ address: 3001 }]" =>
      'proxy: backends: address: 3001 is an Integer: write { address: "127.0.0.1:3001" }',
    'proxy backends: [{ address: "a:1", weight: 1.5 }]' =>
      "proxy: backends: weight: 1.5 is a Float: write a whole number, such as 64",
    'proxy backends: [{ address: "a:1", backup: "yes" }]' => 'proxy: backends: backup: "yes" is a String: write true',
    "proxy backends: [3001]" =>
      'proxy: backends: 3001 is an Integer: write "127.0.0.1:3001"',
    "proxy #{target}, backend_priority: :round_robbin" =>
      "proxy: backend_priority: :round_robbin is unknown (did you mean \"round_robin\"?): #{policies}",
    "proxy #{target}, strategy: 'least'" =>
      "proxy: strategy: \"least\" is unknown (did you mean \"least_conn\"?): #{policies}",
    "proxy #{target}, strategy: :random, backend_priority: :random" =>
      "proxy: :backend_priority and :strategy are the same option: write one of them",
    "proxy #{target}, backend_priority: { hahs: '{path}' }" =>
      /\Aproxy: backend_priority: \{.*\} is unknown: write \{ hash: "\{path\}" \} or \{ sticky: "cookie_name" \}, perhaps with a secret: "…"\z/,
    "proxy #{target}, backend_priority: { hash: 3 }" =>
      'proxy: backend_priority: hash: 3 is an Integer: write a string rewrite, such as "{path}"',
    "proxy #{target}, backend_priority: { hash: '/fixed' }" =>
      'proxy: backend_priority: hash: "/fixed" is the same for every request, and all of them would go to one ' \
      'backend: write a string rewrite such as "{path}"',
    "proxy #{target}, backend_priority: { sticky: nil }" =>
      'proxy: backend_priority: sticky: nil is not allowed: write the name of a cookie, such as "backend", or leave ' \
      'it out',
    "proxy #{target}, backend_priority: { sticky: 'a b' }" =>
      'proxy: backend_priority: sticky: "a b" cannot be the name of a cookie: write letters, digits, hyphens and ' \
      'underscores',
    "proxy #{target}, backend_priority: { sticky: 'a', secret: 5 }" =>
      'proxy: backend_priority: secret: an Integer is not a valid value: write a String that nobody can guess, such ' \
      'as ENV.fetch("STICKY_SECRET")',
    "proxy #{target}, backend_priority: { sticky: 'a', secret: 'abc' }" =>
      "proxy: backend_priority: secret: 3 bytes can be guessed: write 16 or more, as `openssl rand -hex 32` prints " \
      "them",
    'proxy backends: [{ address: "a:1", weight: 0 }]' =>
      'proxy: backends: "a:1": weight: 0 is out of range: write a number from 1 to 65535',
    'proxy backends: [{ address: "a:1", max_connections: 0 }]' =>
      'proxy: backends: "a:1": max_connections: 0 is out of range: write a number from 1 to 4294967295',
    'proxy backends: ["_http._tcp.a.example:80"]' =>
      'proxy: backends: "_http._tcp.a.example" gets its ports from SRV records: leave out ":80"',
    'proxy backends: [{ address: "a:1", backup: true }]' =>
      "proxy: backends: all of them are backups, which is the same as none: leave `backup: true` out of one",
    "upstream backends: ['a:1']" => 'upstream: the name is missing: write a name, such as "app_servers"',
    "upstream 'a', 'b', backends: ['a:1']" =>
      'upstream: takes one name, not 2: write upstream "a", backends: ["127.0.0.1:3001"]',
    "upstream 5, backends: ['a:1']" => 'upstream: 5 is an Integer: write a name, such as "app_servers"',
    "upstream 'a', backends: ['a:x']; forward_auth to: 'http://a/verify'; static_response body: ''" =>
      'upstream: backends: "a:x" is not a valid address: the port must be a number from 1 to 65535',
    "upstream 'a', backends: ['a:1']; forward_auth to: 'http://a:80/verify'; static_response body: ''" =>
      'forward_auth: to: "a" is an upstream, whose backends have ports of their own: leave out ":80"',
    "proxy #{target}, strategy: { hash: '{X Tenant}' }" => /\Aproxy: backend_priority: .*\{X Tenant\}/,
    "upstream 'a'" => 'upstream: `backends` is missing: write backends: ["127.0.0.1:3001", "127.0.0.1:3002"]',
    "upstream 'a', backends: nil" =>
      'upstream: `backends` is nil: write backends: ["127.0.0.1:3001", "127.0.0.1:3002"]',
    "upstream 'a', backend: ['a:1']" => "upstream: unknown option :backend (did you mean :backends?)",
    "upstream 'a', backends: ['a:1'], timeout: 3" =>
      "upstream: unknown option :timeout: the nearest are :fail_timeout, :client_key and :queue; `proxy help " \
      "upstream` explains them all",
    "upstream('a', backends: ['a:1']) { }" => /\Aupstream: takes no block: /,
    "location('/a') { upstream 'a', backends: ['a:1'] }" =>
      "upstream: belongs outside of every location: move it to the top level",
    "upstream 'a', backends: ['a:1']; static_response body: ''" =>
      'upstream: "a" is not used by any proxy: write proxy to: "http://a{path}{query}", or leave it out',
    "upstream 'a', backends: ['a:1']; upstream 'A', backends: ['a:1']; proxy to: 'http://a'" =>
      'upstream: "A" is the name of the upstream at Proxyfile:3: write another',
    "upstream 'a', backends: ['a:1']; proxy to: 'http://a', keepalive: 3" =>
      'proxy: to: "a" is an upstream, which has backends and settings of its own: write `backends` and the ' \
      "options that belong to them there, or another host here",
    "upstream 'a', backends: ['a:1']; proxy to: 'http://a:80'" =>
      'proxy: to: "a" is an upstream, whose backends have ports of their own: leave out ":80"',
    "upstream 'a', backends: ['a:1']; location('/a') { proxy to: 'http://a' }; proxy to: 'https://a'" =>
      /\Aproxy: to: the scheme is .* so it is unclear how to speak to the backends of the upstream "a": write "https:/,
    "proxy #{target}, timeout: -1" => "proxy: timeout: -1 is negative: #{seconds}",
    "proxy #{target}, timeout: '30'" =>
      "proxy: timeout: \"30\" is a String: write 30 without quotes, or Integer(…) around what ENV says",
    "proxy #{target}, timeout: nil" =>
      "proxy: timeout: nil is not allowed, nothing may wait forever: #{seconds}, or leave it out",
    "proxy #{target}, read_timeout: Float::NAN" =>
      "proxy: read_timeout: NaN is not a valid number of seconds: #{seconds}",
    "proxy #{target}, connect_timeout: Float::INFINITY" =>
      "proxy: connect_timeout: Infinity is not a valid number of seconds: #{seconds}",
    "proxy #{target}, retries: -2" => "proxy: retries: -2 is negative: write a whole number, such as 64",
    "proxy #{target}, keepalive: 1.5" => "proxy: keepalive: 1.5 is a Float: write a whole number, such as 64",
    "proxy #{target}, retry_buffer: 2**80" =>
      "proxy: retry_buffer: #{2**80} is too large: write a whole number of bytes, such as 65_536",
    "proxy #{target}, protocol: 'h2'" =>
      'proxy: protocol: "h2" is unknown: write "http2"',
    "proxy #{target}, protocol: 2" =>
      'proxy: protocol: 2 is an Integer: write "http1", "http2" or "auto"',
    "proxy #{target}, protocol: :http2, proxy_protocol: :v1" =>
      /\Aproxy: proxy_protocol: a connection of HTTP\/2 is shared by many clients, and its header could name but one: write protocol:/,
    "proxy backends: ['h2://127.0.0.1:3001'], protocol: :http1" =>
      'proxy: protocol: "http1" and a backend with h2:// contradict each other: write http:// there, or leave ' \
      'protocol out',
    "proxy #{target}, verify_ssl: 'no'" => 'proxy: verify_ssl: "no" is a String: write false',
    "proxy #{target}, forwarded_headers: :rfc7329" =>
      "proxy: forwarded_headers: :rfc7329 is unknown (did you mean :rfc7239?): write true, false or :rfc7239",
    "proxy #{target}, headers: ['a']" => /\Aproxy: headers: \["a"\] is an Array: write a Hash, such as \{/,
    "proxy #{target}, headers: { 'A' => 3 }" =>
      'proxy: headers: the value 3 of "A" is an Integer: write a String, { rewrite: "{addr}" }, an Array of those, ' \
      'or nil to remove ' \
      "the header",
    "proxy #{target}, headers: { 'A' => [] }" => 'proxy: headers: "A" has no values: write nil to remove the header',
    "proxy #{target}, headers: { 'A' => { rewrit: 'b' } }" =>
      /\Aproxy: headers: the value \{.*\} of "A" is unknown: write \{ rewrite: "\{addr\}" \}\z/,
    "proxy #{target}, error_response: :bad_gatewy" =>
      /\Aproxy: error_response: :bad_gatewy is unknown \(did you mean "bad_gateway"\?\): write "bad_request", .* "gateway_timeout", or a Hash/,
    "proxy #{target}, error_response: { staus: 503 }" =>
      "proxy: error_response: unknown option :staus (did you mean :status?)",
    "proxy #{target}, error_response: { status: 503, code: 503 }" =>
      "proxy: error_response: :status and :code are the same option: write one of them",
    "proxy #{target}, error_response: { plaintext: { inline: {} } }" =>
      'proxy: error_response: plaintext: the inline value {} is a Hash: write a String, { inline: "…" } or { file: ' \
      '"public/503.html" }',
    "proxy #{target}, error_response: { default: :xml }" =>
      /\Aproxy: error_response: default: :xml is unknown.*: write "plaintext", "json" or "html"\z/,
    "proxy #{target}, error_response: { html: { file: 'no.html' } }" =>
      'proxy: error_response: html: "no.html" does not exist (looked at no.html): write the path of a file that can ' \
      'be read',
    "proxy #{target}, ca_file: 'no.pem'" =>
      'proxy: ca_file: "no.pem" does not exist (looked at no.pem): write the path of a PEM file, such as "tls/ca.pem"',
    "proxy #{target}, ca_file: '.'" =>
      /\Aproxy: ca_file: "\." is a folder \(looked at .*\): write the path of a PEM file/,
    "proxy backends: [\"\\xff\"]" => /\Aproxy: backends: "\\xFF" is not valid UTF-8: write addresses/,
    "proxy to: \"http://a.example/\\xff\"" => /\Aproxy: to: "http.*" is not valid UTF-8: write a URL/,
    "static_response 200" => 'static_response: takes options only, not 200: write static_response code: 200, body: "…"',
    "static_response headers: { 'A' => 1 }" =>
      'static_response: headers: the value 1 of "A" is an Integer: write a String',
    "static_response code: '200'" =>
      'static_response: code: "200" is a String: write 200 without quotes, or Integer(…) around what ENV says',
    "location('/a')" => 'location: has no block: write location "/api/*" do … end',
    "location { static_response body: '' }" =>
      "location: there is neither a path nor a condition: write #{paths}, or a condition such as methods: [\"GET\"]",
    "location(3) { static_response body: '' }" => "location: 3 is an Integer: write #{paths}",
    "location(nil) { static_response body: '' }" => "location: nil is not allowed: write #{paths}, or leave it out",
    "location('a') { static_response body: '' }" =>
      'location: "a" is not a valid path: begin it with a slash, as in "/a"',
    "location('/users/:id/:id') { static_response body: '' }" =>
      'location: "/users/:id/:id" captures id twice: give each capture a name of its own',
    "location('/:id([0-9]') { static_response body: '' }" =>
      'location: "/:id([0-9]" has a ( without its ): write :id(…)',
    "location(/a(?=b)/) { static_response body: '' }" =>
      "location: /a(?=b)/ looks ahead with (?=, which is not supported: leave it out, and write a location before " \
      "this one for what it ruled out",
    "location(/(?<id>a)/, hosts: [/(?<id>b)/]) { static_response body: '' }" =>
      "location: /(?<id>a)/ captures id, and so does one of the hosts: give one another name",
    "location('/a', method: ['GET']) { static_response body: '' }" =>
      "location: unknown option :method (did you mean :methods?)",
    "location('/a', methods: []) { static_response body: '' }" =>
      'location: methods: the list is empty: write methods, such as ["GET", "POST"], or leave it out',
    "location('/a', methods: 3) { static_response body: '' }" =>
      'location: methods: 3 is an Integer: write methods, such as ["GET", "POST"]',
    "location('/a', methods: 'GE T') { static_response body: '' }" =>
      'location: methods: "GE T" is not a valid method: write one such as "GET"',
    "location('/a', hosts: [3]) { static_response body: '' }" =>
      'location: hosts: 3 is an Integer: write hosts, such as ["example.com", "*.example.com"], or Regexps',
    "location('/a', hosts: 'a:80') { static_response body: '' }" =>
      'location: hosts: "a:80" has a port: write the host alone, and add ports: [8080]',
    "location('/a', schemes: :ftp) { static_response body: '' }" =>
      'location: schemes: "ftp" is unknown: write "http" or "https"',
    "location('/a', ports: ['80']) { static_response body: '' }" =>
      'location: ports: "80" is a String: write [80]',
    "location('/a', ports: 70_000) { static_response body: '' }" =>
      "location: ports: 70000 is not a valid port: write a number from 1 to 65535",
    "location('/a', headers: 'X-Beta') { static_response body: '' }" =>
      'location: headers: this is a String: write { "X-Beta" => true }',
    "location('/a', headers: {}) { static_response body: '' }" =>
      'location: headers: the Hash is empty: write a Hash, such as { "X-Beta" => "1", "X-Debug" => nil }, or leave ' \
      'it out',
    "location('/a', headers: { 'X-Beta' => false }) { static_response body: '' }" =>
      'location: headers: the value false of "X-Beta" is false: write a String, a Regexp, true for there, nil for ' \
      'not there, or an ' \
      "Array of those",
    "location('/a', headers: { 'X Beta' => '1' }) { static_response body: '' }" =>
      'location: headers: "X Beta" is not a valid header name: use letters, digits and hyphens',
    "location('/a', query: { 3 => '1' }) { static_response body: '' }" =>
      'location: query: the name 3 is an Integer: write a Hash, such as { "v" => "2", "preview" => true }',
    "location('/a', query: { 'v' => [] }) { static_response body: '' }" =>
      'location: query: "v" has no values: write nil for what must not be there',
    "location('/a', cookies: { 'a b' => '1' }) { static_response body: '' }" =>
      'location: cookies: "a b" is not a valid cookie name: use letters, digits, - and _',
    "location('/a', remote: '10.0.0.1/8') { static_response body: '' }" =>
      'location: remote: "10.0.0.1/8" has address bits set after its prefix: write "10.0.0.0/8" for the network, or ' \
      '"10.0.0.1" for ' \
      "the address",
    "location('/a', extensions: ['*.png']) { static_response body: '' }" =>
      'location: extensions: "*.png" is not a valid extension: write what comes after the last dot, such as "png"',
    "location('/a', content_types: ['json']) { static_response body: '' }" =>
      'location: content_types: "json" is not a valid media type: write one such as "application/json" or "image/*", ' \
      'without parameters',
    "location('/a', accepts: ['text/*']) { static_response body: '' }" =>
      'location: accepts: "text/*" is not a valid media type: write one such as "text/html", without * and parameters',
    "host { static_response body: '' }" =>
      'host: the host is missing: write a host such as "example.com" or "*.example.com", or a Regexp',
    "host('a.example')" => 'host: has no block: write host "example.com" do … end',
    "host('http://a') { static_response body: '' }" =>
      'host: "http://a" is a URL: write its host alone, such as "example.com"',
    "host('a', hosts: ['b']) { static_response body: '' }" =>
      "host: unknown option :hosts: the nearest are :ports, :remote and :schemes; `proxy help host` explains them all",
    "location('/a?b') { static_response body: '' }" =>
      'location: "/a?b" has a query, which is not part of a path: leave out ? and what follows, and write query: { … }',
    "location('/a') { threads 3 }" => "threads: belongs outside of every location: move it to the top level",
    "location('/a') { bind 'http://127.0.0.1:0' }" =>
      "bind: belongs outside of every location: move it to the top level",
    "threads" => "threads: the value is missing: write a whole number, such as 64",
    "threads 1, 2" => "threads: takes one value, not 2: write threads 1",
    "threads 'two'" => 'threads: "two" is a String: write a whole number, such as 64',
    "shutdown_timeout(-1)" => "shutdown_timeout: -1 is negative: #{seconds}",
    "tunnel_grace(-1)" => "tunnel_grace: -1 is negative: #{seconds}",
    "keepalive_timeout nil" =>
      "keepalive_timeout: nil is not allowed, nothing may wait forever: #{seconds}, or leave it out",
    "log_level :inof" => 'log_level: :inof is unknown (did you mean "info"?): write "error", "warn", "info" or "debug"',
    "log_level :info, to: 'x'" => "log_level: unknown option :to: it takes no options, leave it out",
    "access_log 'combnied'" =>
      'access_log: "combnied" is unknown (did you mean "combined"?): write "combined", "json", a string rewrite such ' \
      'as "{method} {path}", or false',
    "trusted_proxies" =>
      'trusted_proxies: the value is missing: write addresses and networks, such as "10.0.0.0/8" or "127.0.0.1"',
    "trusted_proxies []" =>
      'trusted_proxies: the value is missing: write addresses and networks, such as "10.0.0.0/8" or "127.0.0.1"',
    "trusted_proxies '10.0.0.1', :all" =>
      'trusted_proxies: :all is a Symbol: write addresses and networks, such as "10.0.0.0/8" or "127.0.0.1"',
    "trusted_proxies '10.0.0.1', header: 'Forwarded'" =>
      "trusted_proxies: unknown option :header: its only option is :fields",
    "trusted_proxies '10.0.0.1', fields: :all" =>
      'trusted_proxies: fields: :all is a Symbol: write an Array of header names, such as ["X-Forwarded-For"]',
    "trusted_proxies '10.0.0.1', fields: ['X-User']; static_response body: ''" =>
      'trusted_proxies: fields: "X-User" is not a header in which a proxy names its client: write headers such as ' \
      '"X-Forwarded-For" and "X-Forwarded-Proto"',
    "trusted_proxies('10.0.0.1') { }" =>
      "trusted_proxies: takes no block: write its options after it, without { … } or do … end",
    "static_response(body: ''); trusted_proxies '10.0.0.0/8', 'proxy.internal'" =>
      'trusted_proxies: "proxy.internal" is not a valid address or network: write one such as "192.0.2.7", ' \
      '"10.0.0.0/8" or "fd00::/8"',
    "static_response(body: ''); trusted_proxies '10.0.0.1/8'" =>
      'trusted_proxies: "10.0.0.1/8" has address bits set after its prefix: write "10.0.0.0/8" for the network, or ' \
      '"10.0.0.1" for ' \
      "the address",
    "location('/a') { trusted_proxies '10.0.0.1' }" =>
      "trusted_proxies: belongs outside of every location: move it to the top level",
    "resolver 53" => 'resolver: 53 is an Integer: write DNS servers, such as "127.0.0.1:53"',
    "bind" => 'bind: the URL is missing: write a URL, such as "http://0.0.0.0:8080" or "unix:///run/proxy.sock"',
    "bind 8080" => 'bind: 8080 is an Integer: write bind "http://0.0.0.0:8080"',
    "bind 'http://a:1', 'http://b:1'" => "bind: takes one URL: write a `bind` for each",
    "bind 'http://127.0.0.1:0?backlog=many'" => 'bind: backlog: "many" is a String: write a whole number, such as 64',
    "bind 'http://127.0.0.1:0?backlogs=1'" => "bind: unknown option :backlogs (did you mean :backlog?)",
    "bind 'http://127.0.0.1:0?backlog=1', backlog: 2" =>
      "bind: backlog is written both in the URL and as an option: keep one of them",
    "upstraem 'a'" => "upstraem: unknown directive (did you mean upstream?)",
    "static_files root: '/no/such/folder'" =>
      'static_files: root: "/no/such/folder" does not exist (looked at /no/such/folder): write the path of a folder, ' \
      'such as "public"',
    "static_files 'public'" => 'static_files: takes options only, not "public": write static_files root: "public"',
    "static_files root: '/tmp', symlinks: :insde" =>
      "static_files: symlinks: :insde is unknown (did you mean :inside?): write true, :inside or false",
    "static_files root: '/tmp', cache_control: { 'assets/*' => 'public' }" =>
      'static_files: cache_control: "assets/*" is no pattern of paths: write "/assets/*"',
    "static_files root: '/tmp', fallback: '../index.html'" =>
      'static_files: fallback: "../index.html" is no name of a file inside of the root: write "index.html"',
    "static_files root: '/tmp', types: { '.tar.gz' => 'application/gzip' }" =>
      'static_files: types: ".tar.gz" is no ending of a name: write one such as ".gltf"',
    "proxy #{target}, x_sendfile: '/no/such/folder'" =>
      'proxy: x_sendfile: "/no/such/folder" does not exist (looked at /no/such/folder): write the path of a folder, ' \
      'such as "storage", an Array of them, or { "/files" => "storage" }',
    "proxy #{target}, x_sendfile: { 'files' => '/tmp' }" =>
      'proxy: x_sendfile: "files" is no path of a URI: write one such as "/files"',
    "compress 6" => "compress: takes options only, not 6: write compress",
    "compress encodings: 'brotli'" => 'compress: encodings: "brotli" is unknown: write "br"',
    "compress encodings: []" =>
      'compress: encodings: it is empty: write codings, such as ["zstd", "br", "gzip"], or leave it out',
    "compress level: { br: 12 }" => "compress: level: br: 12 is out of range: write a number from 0 to 11",
    "compress level: 6" => "compress: level: 6 is an Integer: write a Hash, such as { zstd: 6, br: 5 }",
    "compress breach: true" => 'compress: breach: true is not allowed: write "jitter" or "guard", or false',
    "compress types: 'image/*'" =>
      'compress: types: "image/*" has types that are compressed already: name those that are not',
    "sever_names 'a'" => "sever_names: unknown directive: `proxy help` lists them all",
    "locaton('/a') { }" => "locaton: unknown directive (did you mean location?)",
    "prxy #{target}" => "prxy: unknown directive (did you mean proxy?)",
    "ENV.fetch('NO_SUCH_VARIABLE')" =>
      'the environment variable NO_SUCH_VARIABLE is not set: set it, or write ENV.fetch("NO_SUCH_VARIABLE", "…") ' \
      'with a default',
    "raise 'not today'" => "raised RuntimeError: not today",
    "require 'no/such/library'" =>
      "the file or gem \"no/such/library\" is not there: add the gem to the Gemfile and start with `bundle exec proxy`"
  }.each do |text, message|
    it "says what is wrong with #{text}" do
      file = "threads 1\n\n#{text}\n"
      file = "\n\n#{text}\n" if text.include?("threads")
      problems = problems_of(file)

      expect(problems.length).to eq(1), problems.join("\n")
      expect(problems.first).to start_with("Proxyfile:3: ")
      expect(problems.first.delete_prefix("Proxyfile:3: "))
        .to match(message.is_a?(String) ? /\A#{Regexp.escape(message)}\z/ : message)
    end
  end
end
