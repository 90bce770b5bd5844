# frozen_string_literal: true

require "openssl"
require_relative "proxyfiles"

RSpec.describe Proxy::ConfigurationError, :wrong_types do
  include Proxyfiles

  hash = "secret".crypt("$2y$04$abcdefghijklmnopqrstuu")
  remedy = "write the hash that `htpasswd -nB USER` or `openssl passwd -6` prints"
  secret = "0123456789abcdef0123456789abcdef"
  rsa = OpenSSL::PKey::RSA.new(2048)
  curve = ->(name) { OpenSSL::PKey::EC.generate(name) }

  # What is written, and the one message it gets.
  {
    "auth_basic" => 'auth_basic: nobody could sign in: write credentials: { "USER" => "$2y$…" }, or file: "htpasswd"',
    "auth_basic credentials: nil" =>
      'auth_basic: nobody could sign in: write credentials: { "USER" => "$2y$…" }, or file: "htpasswd"',
    "auth_basic credentials: {}" => "auth_basic: credentials: there are no users in it: write at least one",
    "auth_basic 'Staff'" =>
      'auth_basic: takes options only, not a String: write auth_basic realm: "Staff", file: "htpasswd"',
    "auth_basic credentials: ['ann']" =>
      'auth_basic: credentials: an Array is not a valid value: write a Hash of users and hashes, such as { "ann" => ' \
      '"$2y$…" }',
    "auth_basic credentials: { 'ann' => nil }" =>
      'auth_basic: credentials: what "ann" has is nil: write a Hash of users and hashes, such as { "ann" => "$2y$…" }',
    "auth_basic credentials: { 5 => 'a' }" =>
      'auth_basic: credentials: the name 5 is an Integer: write a Hash of users and hashes, such as { "ann" => ' \
      '"$2y$…" }',
    "auth_basic credentials: { 'ann' => 'secret' }" =>
      "auth_basic: credentials: \"ann\": this is not a hash, and a plain password must not be kept in a " \
      "file: #{remedy}",
    "auth_basic credentials: { 'ann' => '$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/' }" =>
      "auth_basic: credentials: \"ann\": $apr1$ is MD5, which is no longer safe: #{remedy}",
    "auth_basic credentials: { 'ann' => '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' }" =>
      "auth_basic: credentials: \"ann\": a bare SHA-1 hash is no longer safe: #{remedy}",
    "auth_basic credentials: { 'ann' => '#{hash[0, 50]}' }" =>
      "auth_basic: credentials: \"ann\": the $2y$ hash is cut short or damaged: #{remedy}",
    "auth_basic credentials: { 'a:b' => '#{hash}' }" =>
      'auth_basic: credentials: the user "a:b" cannot be told from others: write a name without ":", control ' \
      'characters and white space ' \
      "around it",
    "auth_basic credentials: { 'ann' => '#{hash}' }, file: 'Proxyfile'" =>
      "auth_basic: credentials and file are both written: keep one of them",
    "auth_basic file: 'htpasswd'" =>
      'auth_basic: file: "htpasswd" does not exist (looked at htpasswd): write the path of a file that `htpasswd -B` ' \
      'wrote, such as "htpasswd"',
    "auth_basic file: File.write('users', \"# nobody\\n\") && 'users'" =>
      'auth_basic: file: "users": there are no users in it: write at least one',
    "auth_basic file: File.write('users', \"ann:#{hash}\\nbob\\n\") && 'users'" =>
      'auth_basic: file: "users": line 2: there is no ":": write USER:HASH, as `htpasswd -nB USER` prints it',
    "auth_basic file: File.write('users', \"ann:#{hash}\\nann:#{hash}\\n\") && 'users'" =>
      'auth_basic: file: "users": line 2: the user "ann" is listed twice: keep one of them',
    "auth_basic realm: \"a\\nb\", credentials: { 'ann' => '#{hash}' }" =>
      'auth_basic: realm: "a\nb" holds a control character: leave it out',
    "auth_basic realm: 5, credentials: { 'ann' => '#{hash}' }" =>
      'auth_basic: realm: 5 is an Integer: write a name, such as "Staff"',
    "auth_basic users: {}, credentials: { 'ann' => '#{hash}' }" =>
      "auth_basic: unknown option :users: write credentials: { \"ann\" => \"$2y$…\" }",
    "auth_basic credentials: { 'ann' => '#{hash}' }, error_response: :unautorized" =>
      /\Aauth_basic: error_response: :unautorized is unknown \(did you mean "unauthorized"\?\): write /,
    "auth_basic(credentials: { 'ann' => '#{hash}' }) { }" =>
      "auth_basic: takes no block: write its options after it, without { … } or do … end",

    "authorize { false }" => "authorize: key: is missing: write what the block looks at, such as { header: " \
                             '"Authorization" } or { cookie: "session" }',
    "authorize" => 'authorize: has no block: write authorize key: { header: "Authorization" } do |request| … end',

    "auth_api_key" => "auth_api_key: keys: there is none: write at least one, as `openssl rand -hex 32` prints it",
    "auth_api_key keys: []" =>
      "auth_api_key: keys: there is none: write at least one, as `openssl rand -hex 32` prints it",
    "auth_api_key keys: 5" =>
      'auth_api_key: keys: an Integer is not a valid value: write an Array of keys, or a Hash such as { "billing" => ' \
      '"…" }',
    "auth_api_key keys: [nil]" =>
      'auth_api_key: keys: a key is nil: write an Array of keys, or a Hash such as { "billing" => "…" }',
    "auth_api_key keys: ['']" => "auth_api_key: keys: key 1 is empty: write one, as `openssl rand -hex 32` prints it",
    "auth_api_key keys: ['a', ' key']" =>
      "auth_api_key: keys: key 2 cannot be sent as it is: write one without white space around it and without " \
      "control characters",
    "auth_api_key keys: { 'a' => 'key', 'b' => 'key' }" =>
      'auth_api_key: keys: "b" is the same key as one before it: give each its own',
    "auth_api_key keys: { \"a\\n\" => 'key' }" =>
      'auth_api_key: keys: the name "a\n" has white space around it or control characters in it: leave them out',
    "auth_api_key keys: ['sha256:abc']" =>
      "auth_api_key: keys: key 1 is not a SHA-256 digest: write sha256: and the 64 digits that `sha256sum` prints",
    "auth_api_key keys: ['key'], header: 'X Key'" =>
      'auth_api_key: header: "X Key" is not a valid header name: use letters, digits and hyphens',
    "auth_api_key keys: ['key'], header: 'X-Key', query: 'key'" =>
      "auth_api_key: header and query are both written: keep the place where the key is",
    "auth_api_key keys: ['key'], query: ''" =>
      'auth_api_key: query: the name is empty: write the name of a parameter, such as "api_key"',
    "auth_api_key keys: ['key'], strip: 'yes'" => 'auth_api_key: strip: "yes" is a String: write true',

    "auth_jwt" =>
      'auth_jwt: there is no key to verify tokens with: write secret: "…", public_key: "…", public_key_file: "…" or ' \
      'jwks_file: "…"',
    "auth_jwt secret: '#{secret}', public_key: 'a'" =>
      "auth_jwt: secret and public_key are both written: keep one of them",
    "auth_jwt secret: ''" => "auth_jwt: secret: it is empty: write the one that is shared with the issuer",
    "auth_jwt secret: 5" =>
      'auth_jwt: secret: an Integer is not a valid value: write a String, such as ENV["JWT_SECRET"]',
    "auth_jwt secret: 'secret'" =>
      "auth_jwt: secret: 6 bytes can be guessed by trial: use one of 32 or more, as `openssl rand -hex 32` prints it",
    "auth_jwt secret: #{rsa.public_to_pem.inspect}" =>
      "auth_jwt: secret: this is a PEM key, not a secret: write it as public_key:",
    "auth_jwt public_key: 'issuer.pem'" =>
      "auth_jwt: public_key: this is not valid PEM: write the public key, which begins with -----BEGIN PUBLIC KEY-----",
    "auth_jwt public_key: #{rsa.to_pem.inspect}" =>
      "auth_jwt: public_key: this is a private key, which belongs to whoever issues the tokens: write the public " \
      "one, as `openssl pkey -in FILE -pubout` prints it",
    "auth_jwt public_key: #{OpenSSL::PKey::RSA.new(1024).public_to_pem.inspect}" =>
      "auth_jwt: public_key: an RSA key of less than 2048 bits is not safe: make a longer one",
    "auth_jwt public_key: #{curve.("secp521r1").public_to_pem.inspect}" =>
      "auth_jwt: public_key: a key of this curve is not supported: make one of P-256 or P-384",
    "auth_jwt public_key: #{curve.("secp256k1").public_to_pem.inspect}" =>
      "auth_jwt: public_key: this is not a valid P-256 key: write it as it was issued",
    "auth_jwt public_key: #{rsa.public_to_pem.sub(/^.{64}$/, "A" * 64).inspect}" =>
      "auth_jwt: public_key: no such key is known here: write one of RSA, of the curve P-256 or P-384, or of Ed25519",
    "auth_jwt public_key_file: 'none.pem'" => /\Aauth_jwt: public_key_file: "none.pem" does not exist/,
    "auth_jwt public_key_file: 'Proxyfile'" => /\Aauth_jwt: public_key_file: this is not valid PEM: /,
    "auth_jwt jwks_file: 'Proxyfile'" =>
      /\Aauth_jwt: jwks_file: this is not a set of keys \(.*\): write the JSON that the issuer publishes, \{ "keys": \[ … \] \}\z/,
    "auth_jwt jwks_file: File.write('jwks', '{\"keys\":[]}') && 'jwks'" =>
      'auth_jwt: jwks_file: there is no key in it that can verify a signature: write the JSON that the issuer ' \
      'publishes, { "keys": [ … ] }',
    "auth_jwt secret: '#{secret}', algorithms: ['none']" =>
      'auth_jwt: algorithms: "none" means that nothing is signed: leave it out',
    "auth_jwt secret: '#{secret}', algorithms: ['HS265']" =>
      'auth_jwt: algorithms: "HS265" is not a supported algorithm: write some of HS256, HS384, HS512, RS256, RS384, ' \
      'RS512, PS256, ' \
      "PS384, PS512, ES256, ES384, EdDSA",
    "auth_jwt secret: '#{secret}', algorithms: ['RS256']" =>
      'auth_jwt: algorithms: "RS256" does not go with a secret: write some of HS256, HS384, HS512',
    "auth_jwt public_key: #{rsa.public_to_pem.inspect}, algorithms: ['RS256', 'HS256']" =>
      'auth_jwt: algorithms: "HS256" does not go with an RSA key: write some of RS256, RS384, RS512, PS256, PS384, ' \
      'PS512',
    "auth_jwt public_key: #{curve.("prime256v1").public_to_pem.inspect}, algorithms: 'ES384'" =>
      'auth_jwt: algorithms: "ES384" does not go with an elliptic-curve key: write some of ES256',
    "auth_jwt secret: '#{secret}', issuer: ''" =>
      'auth_jwt: issuer: "" is not a valid name: write one, or leave it out',
    "auth_jwt secret: '#{secret}', audience: 5" =>
      'auth_jwt: audience: 5 is an Integer: write a String, such as "api", or an Array of them',
    "auth_jwt secret: '#{secret}', leeway: 10_000" =>
      "auth_jwt: leeway: 10000 is out of range: write seconds from 0 to 3600",
    "auth_jwt secret: '#{secret}', leeway: -1" =>
      "auth_jwt: leeway: -1 is negative: write a number of seconds, such as 30 or 0.5",
    "auth_jwt secret: '#{secret}', header: 'X-Token', cookie: 'token'" =>
      "auth_jwt: header and cookie are both written: keep the place where the token is",
    "auth_jwt secret: '#{secret}', header: 'X:Token'" =>
      'auth_jwt: header: "X:Token" is not a valid header name: use letters, digits and hyphens',
    "auth_jwt secret: '#{secret}', cookie: 'a b'" =>
      'auth_jwt: cookie: "a b" is not a valid cookie name: use letters, digits, hyphens, underscores',
    "auth_jwt secret: '#{secret}', claims_to_headers: ['sub']" =>
      /\Aauth_jwt: claims_to_headers: \["sub"\] is an Array: write a Hash of headers/,
    "auth_jwt secret: '#{secret}', claims_to_headers: { 'X-User' => 5 }" =>
      /\Aauth_jwt: claims_to_headers: the claim 5 of "X-User" is an Integer: write a Hash of headers and claims/,
    "auth_jwt secret: '#{secret}', claims_to_headers: { 'X-User' => '' }" =>
      'auth_jwt: claims_to_headers: X-User: "" is not a valid claim: write the name of one, such as "sub"',
    "auth_jwt secret: '#{secret}', claims_to_headers: { 'Host' => 'sub' }" =>
      'auth_jwt: claims_to_headers: "Host" is set by the proxy itself: leave it out',
    "auth_jwt secret: '#{secret}', claims_to_headers: { 'X_User' => 'sub' }" =>
      'auth_jwt: claims_to_headers: "X_User" would not be passed on, since backends cannot tell `_` and `.` from ' \
      '`-`: write "X-User"',

    "forward_auth" =>
      'forward_auth: to: it is empty: write the URL of a server, as in to: "http://auth.internal/verify"',
    "forward_auth to: 5" => 'forward_auth: to: 5 is an Integer: write a URL, such as "http://auth.internal/verify"',
    "forward_auth to: 'auth.internal/verify'" => /\Aforward_auth: to: .*auth\.internal/,
    "forward_auth to: 'http://{host}.internal/'" =>
      'forward_auth: to: "http://{host}.internal/" lets a request choose who judges it: write the host without a ' \
      'placeholder, as in "http://auth.internal/verify"',
    "forward_auth to: 'http://a:99999/'" => /\Aforward_auth: to: .*99999/,
    "forward_auth to: 'http://a/', timeout: 0" =>
      "forward_auth: timeout: 0 is not a valid time: write seconds greater than 0, as in 30 or 0.5",
    "forward_auth to: 'http://a/', timeout: nil" =>
      "forward_auth: timeout: nil is not allowed, nothing may wait forever: write a number of seconds, such as 30 or " \
      "0.5, or leave it out",
    "forward_auth to: 'http://a/', copy_headers: ['X User']" =>
      'forward_auth: copy_headers: "X User" is not a valid header name: use letters, digits and hyphens',
    "forward_auth to: 'http://a/', copy_headers: ['Connection']" =>
      'forward_auth: copy_headers: "Connection" is set by the proxy itself: leave it out',
    "forward_auth to: 'http://a/', copy_headers: 5" =>
      /\Aforward_auth: copy_headers: 5 is an Integer: write an Array of header names/,
    "forward_auth to: 'http://a/', copy_header: ['X-User']" =>
      "forward_auth: unknown option :copy_header (did you mean :copy_headers?)"
  }.each do |text, message|
    it "says what is wrong with #{text[0, 100]}" do
      problems = Dir.chdir(directory) { problems_of("threads 1\n\n#{text}\nstatic_response body: ''\n") }

      expect(problems.length).to eq(1), problems.join("\n")
      expect(problems.first).to start_with("Proxyfile:3: ")
      expect(problems.first.delete_prefix("Proxyfile:3: "))
        .to match(message.is_a?(String) ? /\A#{Regexp.escape(message)}\z/ : message)
    end
  end

  it "shows no secret in any of them" do
    problems = problems_of(<<~RUBY)
      auth_basic credentials: "ann:hunter2"
      auth_basic credentials: { "ann" => "hunter2" }
      auth_basic credentials: [["ann", "hunter2"]]
      auth_api_key keys: ["hunter2 "]
      auth_api_key keys: { "a" => ["hunter2"] }
      auth_api_key keys: "hunter2\\xff"
      auth_jwt secret: ["hunter2"]
      auth_jwt secret: "hunter2"
    RUBY

    expect(problems.length).to eq(8)
    expect(problems.join).not_to include("hunter2")
  end
end
