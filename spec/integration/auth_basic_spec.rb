# frozen_string_literal: true

require "support/integration"

RSpec.describe "auth_basic" do
  # Made by the system's crypt, as cheap as they come.
  hashes = { "ann" => "secret".crypt("$2y$04$abcdefghijklmnopqrstuu"),
             "bob" => "pass:word".crypt("$6$rounds=1000$saltsalt") }
  users = hashes.merge("cleo" => "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")

  def basic(credentials) = { "Authorization" => "Basic #{[credentials].pack("m0")}" }

  let(:backend) { start_backend }
  let(:proxy) { start_protected }

  define_method(:start_protected) do |**options|
    to = backend.address
    start_proxy do
      auth_basic credentials: users, **options
      proxy backends: [to], headers: { "X-User" => { rewrite: "{auth_user}" } }
    end
  end

  it "lets those pass who know the password of their hash, and tells the backend who they are" do
    { "ann" => "secret", "bob" => "pass:word", "cleo" => "password" }.each do |user, password|
      expect(proxy.get("/", basic("#{user}:#{password}")).status).to eq(200)
    end
    expect(backend.requests.map { |request| request["X-User"] }).to eq(%w[ann bob cleo])
    expect(backend.requests.map { |request| request["Authorization"] }).to all(start_with("Basic "))
  end

  it "asks everybody else for user and password" do
    refused = proxy.get("/", basic("ann:Secret"))

    expect(refused.status).to eq(401)
    expect(refused.all("WWW-Authenticate")).to eq(['Basic realm="Restricted", charset="UTF-8"'])
    expect(backend.requests).to be_empty
  end

  it "writes any realm so that it can be read" do
    proxy = start_protected(realm: 'Ann\'s "place" \ more')

    expect(proxy.get["WWW-Authenticate"]).to eq('Basic realm="Ann\'s \"place\" \\\\ more", charset="UTF-8"')
  end

  it "takes its users from a file of htpasswd" do
    file = File.join(directory, "htpasswd").tap { |path|
      File.write(path, "# users\nann:#{users["ann"]}\n\n" \
          "bob:#{users["bob"]}:Bob\n")
    }
    proxy = start_proxy do
      auth_basic file: file
      static_response body: "in"
    end

    statuses = ["ann:secret", "bob:pass:word", "ann:pass:word", "cleo:password"].map do |shown|
      proxy.get("/", basic(shown)).status
    end
    expect(statuses).to eq([200, 200, 401, 401])
  end

  [
    ["nothing", {}],
    ["an empty field", { "Authorization" => "" }],
    ["the scheme alone", { "Authorization" => "Basic" }],
    ["empty credentials", { "Authorization" => "Basic #{[""].pack("m0")}" }],
    ["an empty user and password", { "Authorization" => "Basic #{[":"].pack("m0")}" }],
    ["an empty password", { "Authorization" => "Basic #{["ann:"].pack("m0")}" }],
    ["a user without a colon", { "Authorization" => "Basic #{["ann"].pack("m0")}" }],
    ["a user in other letter case", { "Authorization" => "Basic #{["Ann:secret"].pack("m0")}" }],
    ["a password and more", { "Authorization" => "Basic #{["ann:secret "].pack("m0")}" }],
    ["a password that ends in NUL", { "Authorization" => "Basic #{["ann:secret\0"].pack("m0")}" }],
    ["the hash in place of the password", { "Authorization" => "Basic #{["ann:#{users["ann"]}"].pack("m0")}" }],
    ["broken base64",
     { "Authorization" => "Basic #{["ann:secret"].pack("m0").delete_suffix("=").delete_suffix("=")}!" }],
    ["credentials without base64", { "Authorization" => "Basic ann:secret" }],
    ["another scheme", { "Authorization" => "Bearer #{["ann:secret"].pack("m0")}" }],
    ["the right field twice", { "Authorization" => ["Basic #{["ann:secret"].pack("m0")}"] * 2 }],
    ["the right and a wrong one", { "Authorization" => ["Basic #{["ann:secret"].pack("m0")}", "Basic eDp5"] }],
    ["a wrong and the right one",
     { "AUTHORIZATION" => "Basic eDp5", "authorization" => "Basic #{["ann:secret"].pack("m0")}" }],
    ["two in one field", { "Authorization" => "Basic #{["ann:secret"].pack("m0")}, " \
                                              "Basic #{["ann:secret"].pack("m0")}" }],
    ["Proxy-Authorization", { "Proxy-Authorization" => "Basic #{["ann:secret"].pack("m0")}" }],
    ["X-Forwarded-User", { "X-Forwarded-User" => "ann", "X-User" => "ann", "auth_user" => "ann" }],
    ["a field that is for this hop only",
     { "Connection" => "Authorization", "Authorization" => "Basic #{["ann:secret"].pack("m0")}" }]
  ].each do |what, headers|
    it "refuses #{what}" do
      expect(proxy.get("/", headers).status).to eq(401)
      expect(backend.connections).to eq(0)
    end
  end

  it "knows its scheme in any letter case" do
    %w[basic BASIC bAsIc].each do |scheme|
      expect(proxy.get("/", "Authorization" => "#{scheme} #{["ann:secret"].pack("m0")}").status).to eq(200)
    end
  end

  it "asks for every method" do
    %w[GET HEAD OPTIONS POST PUT DELETE TRACE PROPFIND].each do |method|
      expect(proxy.request(method, "/").status).to eq(401)
    end
    expect(proxy.request("OPTIONS", "*").status).to eq(401)
    expect(backend.connections).to eq(0)
  end

  it "asks each request of a connection" do
    client = proxy.connect
    statuses = [basic("ann:secret"), {}, basic("ann:secret"), basic("ann:no")].map do |headers|
      client.get("/", headers).status
    end

    expect(statuses).to eq([200, 401, 200, 401])
  end

  it "asks each of several pipelined requests" do
    client = proxy.connect
    client.write("GET /1 HTTP/1.1\r\nHost: a\r\nAuthorization: Basic #{["ann:secret"].pack("m0")}\r\n\r\nGET /2 " \
                 "HTTP/1.1\r\nHost: a\r\n\r\n" * 2)

    expect(Array.new(4) { client.read_response.status }).to eq([200, 401, 200, 401])
    expect(backend.requests.map(&:target)).to eq(%w[/1 /1])
  end

  it "does not wait for the body of a request that it refuses" do
    client = proxy.connect
    client.send_request("POST", "/", "Content-Length" => 10_000_000, "Expect" => "100-continue")

    expect(client.read_response.status).to eq(401)
    expect(client).to be_closed
    expect(backend.connections).to eq(0)
  end

  it "answers with one's own response, or another built-in one" do
    own = start_protected(error_response: { status: 403, plaintext: "Ask Ann.", headers: { "X-Own" => "1" } })
    expect(own.get)
      .to have_attributes(status: 403, body: "Ask Ann.", to_s: include("X-Own: 1\r\n", "WWW-Authenticate: Basic"))
    expect(start_protected(error_response: :not_found).get.status).to eq(404)
  end

  it "protects what its location holds and nothing else" do
    proxy = start_proxy do
      location "/private/*" do
        auth_basic credentials: users
        static_response body: "in"
      end
      static_response body: "out"
    end

    inside = ["/private/x", "/private/", "/./private/x", "/a/../private/x", "/a/%2e%2e/private/x", "/%2e/private/x",
              "http://a/private/x", "//private/x",
              "/private//x", "/%70rivate/x", "/private"]
    expect(inside.map { |path| proxy.get(path).status }.uniq).to eq([401])
    expect(["/public", "/", "/privateer", "/a/private/x"].map { |path| proxy.get(path).body }.uniq).to eq(["out"])
  end

  it "stays quick while wrong passwords are tried" do
    slow = { "ann" => "secret".crypt("$6$rounds=3000$saltsalt") }
    proxy = start_proxy do
      auth_basic credentials: slow
      static_response body: "in"
    end
    expect(proxy.get("/", basic("ann:secret")).status).to eq(200)
    guesses = Array.new(8) { |index| in_background { proxy.get("/", basic("ann:#{index}")).status } }

    expect(Array.new(20) { proxy.get("/", basic("ann:secret")).status }.uniq).to eq([200])
    expect(guesses.map(&:value).uniq).to eq([401])
  end

  it "says in the access log who came in, and never a password" do
    log = File.join(directory, "access.log")
    proxy = start_proxy do
      access_log "combined", to: log
      auth_basic credentials: users
      static_response body: "in"
    end
    [basic("ann:secret"), basic("ann:wrong"), {}].each { |headers| proxy.get("/", headers) }

    eventually { expect(File.read(log).lines.map { |line| line[/\A\S+ - (\S+) \[/, 1] }).to eq(%w[ann - -]) }
  end
end
