# frozen_string_literal: true

require "support/integration"
require "support/tokens"

RSpec.describe "auth_jwt" do
  secret = Tokens.key("HS256")

  let(:backend) { start_backend }

  define_method(:start_protected) do |**options|
    options = { secret: secret, **options } unless options.keys.any? { |key| key.start_with?("public_key", "jwks") }
    to = backend.address
    start_proxy do
      auth_jwt(**options)
      proxy backends: [to], headers: { "X-Subject" => { rewrite: "{auth_user}" } }
    end
  end

  def claims(**more) = { sub: "ann", exp: Time.now.to_i + 60, **more }

  define_method(:token) { |**more| Tokens.sign(claims(**more), "HS256", secret) }

  def bearer(token) = { "Authorization" => "Bearer #{token}" }

  def challenge(proxy, token) =
    proxy.get("/", bearer(token)).then { |response| [response.status, response["WWW-Authenticate"]] }

  def invalid(why) = [401, "Bearer realm=\"Restricted\", error=\"invalid_token\", error_description=\"#{why}\""]

  %w[HS256 HS384 HS512].each do |algorithm|
    it "lets a token pass that was signed with #{algorithm}" do
      proxy = start_protected
      good = Tokens.sign(claims, algorithm, secret)

      expect(proxy.get("/", bearer(good)).status).to eq(200)
      expect(challenge(proxy, Tokens.sign(claims, algorithm, "#{secret}x"))).to eq(invalid("the signature is wrong"))
      expect(backend.requests.map { |request| [request["X-Subject"], request["Authorization"]] })
        .to eq([["ann", "Bearer #{good}"]])
    end
  end

  %w[RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA].each do |algorithm|
    it "lets a token pass that was signed with #{algorithm}, and no other" do
      key = Tokens.key(algorithm)
      pem = Tokens.public_pem(key)
      file = File.join(directory, "issuer.pem").tap { |path| File.write(path, pem) }
      good = Tokens.sign(claims, algorithm, key)
      [start_protected(public_key: pem), start_protected(public_key_file: file, algorithms: [algorithm])]
        .each do |proxy|
        expect(proxy.get("/", bearer(good)).status).to eq(200)
        other = Tokens.sign(claims, algorithm, Tokens.key(algorithm, 1))
        expect(challenge(proxy, other)).to eq(invalid("the signature is wrong"))
        confused = %w[HS256 HS384 HS512].map { |hash| Tokens.sign(claims, hash, pem) }
        expect(confused.map { |token| proxy.get("/", bearer(token)).status }.uniq).to eq([401])
      end
    end
  end

  it "verifies a token with the key of a set that it names" do
    keys = { "rsa" => Tokens.key("RS256"), "other" => Tokens.key("RS256", 1) }
    number = ->(bn) { Tokens.part64(bn.to_s(2)) }
    set = keys.map do |kid, key|
      { kty: "RSA", kid: kid, use: "sig", alg: "RS256", n: number.(key.n), e: number.(key.e) }
    end
    file = File.join(directory, "jwks.json").tap { |path| File.write(path, JSON.generate(keys: set)) }
    proxy = start_protected(jwks_file: file)
    status = ->(kid, key) {
      proxy.get("/", bearer(Tokens.sign(claims, "RS256", key,
                                        **(kid ? { kid: kid } : {})))).status
    }

    expect([status.("rsa", keys["rsa"]), status.("other", keys["other"]), status.(nil, keys["other"])])
      .to eq([200, 200, 200])
    wrong = [["rsa", keys["other"]], ["none", keys["rsa"]], ["rsa", Tokens.key("RS256", 2)]]
    expect(wrong.map { |kid, key| status.(kid, key) }).to eq([401, 401, 401])
    expect(proxy.get("/", bearer(Tokens.sign(claims, "RS384", keys["rsa"]))).status).to eq(401)
  end

  it "takes nothing but the algorithms that are allowed" do
    proxy = start_protected(algorithms: ["HS512"])

    expect(%w[HS256 HS384
              HS512].map { |algorithm|
             proxy.get("/", bearer(Tokens.sign(claims, algorithm, secret)))
                            .status
           }).to eq([401, 401, 200])
  end

  it "takes no token that is not signed" do
    proxy = start_protected
    message = ->(algorithm) { [{ alg: algorithm }, claims].map { |part| Tokens.part64(JSON.generate(part)) }.join(".") }
    unsigned = %w[none None NONE].flat_map do |name|
      ["#{message.(name)}.", message.(name), "#{message.(name)}.#{token.split(".").last}"]
    end

    expect(unsigned.map { |text| challenge(proxy, text) }.uniq).to eq([invalid("the token is malformed")])
  end

  it "says what is wrong with a token" do
    proxy = start_protected(issuer: "https://id.example", audience: %w[api web], required_claims: %w[exp sub])
    good = { iss: "https://id.example", aud: "api" }
    now = Time.now.to_i
    {
      {} => nil,
      { aud: %w[other web] } => nil,
      { exp: now - 60 } => "the token has expired",
      { nbf: now + 60 } => "the token is not valid yet",
      { iat: now + 60 } => "the token is from the future",
      { aud: "other" } => "the token is for another audience",
      { iss: "https://other.example" } => "the token is of another issuer",
      { iss: nil } => "a claim is missing",
      { sub: nil } => "a claim is missing",
      { exp: nil } => "a claim is missing"
    }.each do |change, why|
      expect(challenge(proxy, token(**good, **change))).to eq(why ? invalid(why) : [200, nil])
    end
    parts = token(**good).split(".")
    parts[1] = Tokens.part64(JSON.generate(claims(**good, sub: "root")))
    tampered = parts.join(".")
    expect(challenge(proxy, tampered)).to eq(invalid("the signature is wrong"))
  end

  it "allows the clocks a difference" do
    proxy = start_protected(leeway: 120)

    expect(proxy.get("/", bearer(token(exp: Time.now.to_i - 60, nbf: Time.now.to_i + 60))).status).to eq(200)
    expect(start_protected(leeway: 0).get("/", bearer(token(exp: Time.now.to_i - 5))).status).to eq(401)
  end

  [
    ["nothing", ->(_) { {} }],
    ["an empty field", ->(_) { { "Authorization" => "" } }],
    ["another scheme", ->(token) { { "Authorization" => "Basic #{token}" } }],
    ["a token without a scheme", ->(token) { { "Authorization" => token } }],
    ["a cookie", ->(token) { { "Cookie" => "token=#{token}; Authorization=Bearer #{token}" } }],
    ["a field with an underscore", ->(token) { { "X_Authorization" => "Bearer #{token}" } }]
  ].each do |what, headers|
    it "asks for a token where there is #{what}" do
      refused = start_protected.get("/", headers.(token))

      expect([refused.status, refused["WWW-Authenticate"]]).to eq([401, 'Bearer realm="Restricted"'])
      expect(backend.connections).to eq(0)
    end
  end

  it "takes no token that is shown with another" do
    proxy = start_protected
    several = { "Authorization" => ["Bearer #{token}", "Bearer x"] }

    expect(proxy.get("/", several)["WWW-Authenticate"]).to include("there are several tokens")
    expect(challenge(proxy, "#{token}, Bearer #{token}")).to eq(invalid("the token is malformed"))
  end

  it "finds a token in a cookie, or in another field" do
    proxy = start_protected(cookie: "session")
    expect([{ "Cookie" => "a=1; session=#{token}" }, bearer(token), { "Cookie" => "session=x; session=#{token}" }]
      .map { |headers| proxy.get("/", headers).status }).to eq([200, 401, 401])

    proxy = start_protected(header: "X-Token")
    expect([{ "X-Token" => token }, { "X-Token" => "bearer #{token}" }, bearer(token), { "X-Token" => [token, token] }]
      .map { |headers| proxy.get("/", headers).status }).to eq([200, 200, 401, 401])
  end

  it "tells the backend what the token says, and nothing of what the client says of it" do
    proxy = start_protected(claims_to_headers: { "X-User" => "sub", "X-Groups" => "groups", "X-Admin" => :admin,
                                                 "X-Evil" => "evil" })
    forged = { "X-User" => %w[root root], "x-groups" => "root", "X-Admin" => "true", "X-Evil" => "1",
               "X_User" => "root", "Connection" => "X-User, close" }
    proxy.get("/", bearer(token(groups: ["staff", 7], evil: "a\r\nX-Admin: true")).merge(forged))

    request = backend.request
    expect([request.all("X-User"), request.all("X-Groups"), request["X-Admin"], request["X-Evil"]])
      .to eq([["ann"], ["staff,7"], nil, nil])
    expect(request.names).not_to include("x_user")
  end

  it "asks for every method and for each request of a connection, and waits for no body" do
    proxy = start_protected
    client = proxy.connect
    expect(%w[HEAD OPTIONS PUT].map { |method| proxy.request(method, "/").status }.uniq).to eq([401])
    expect([bearer(token), {}, bearer(token)].map { |headers| client.get("/", headers).status }).to eq([200, 401, 200])

    client.send_request("POST", "/", "Content-Length" => 1_000_000)
    expect(client.read_response.status).to eq(401)
    expect(client).to be_closed
  end

  it "answers with one's own response, and names one's own realm" do
    proxy = start_protected(error_response: :forbidden, realm: "API")

    expect(proxy.get).to have_attributes(status: 403, to_s: include("WWW-Authenticate: Bearer realm=\"API\"\r\n"))
  end
end
