# frozen_string_literal: true

require "support/integration"

RSpec.describe "auth_api_key" do
  let(:backend) { start_backend }

  define_method(:start_protected) do |**options|
    to = backend.address
    start_proxy do
      auth_api_key(**options)
      proxy backends: [to], headers: { "X-Client" => { rewrite: "{auth_user}" } }
    end
  end

  def statuses(proxy, *keys) = keys.map { |key| proxy.get("/", "X-Api-Key" => key).status }

  it "lets those pass who show one of the keys" do
    proxy = start_protected(keys: ["first-key", "second key"])

    expect(statuses(proxy, "first-key", "second key", "third-key", "First-Key", "first-key2", "first-ke", ""))
      .to eq([200, 200, 401, 401, 401, 401, 401])
    expect(backend.requests.map { |request| request["X-Api-Key"] }).to eq(["first-key", "second key"])
  end

  it "tells the backend whose key it was, if the keys have names" do
    proxy = start_protected(keys: { "billing" => "first-key", shop: "second-key" })
    statuses(proxy, "first-key", "second-key")

    expect(backend.requests.map { |request| request["X-Client"] }).to eq(%w[billing shop])
  end

  it "knows a key by its digest" do
    digest = "sha256:#{Digest::SHA256.hexdigest("first-key").upcase}"
    proxy = start_protected(keys: [digest])

    expect(statuses(proxy, "first-key", digest, Digest::SHA256.hexdigest("first-key"))).to eq([200, 401, 401])
  end

  it "says how to prove oneself" do
    expect(start_protected(keys: ["k"]).get).to have_attributes(status: 401, to_s: include("WWW-Authenticate: ApiKey " \
      "realm=\"Restricted\"\r\n"))
  end

  [
    ["nothing", {}],
    ["the right key twice", { "X-Api-Key" => %w[key key] }],
    ["a wrong and the right key", { "X-Api-Key" => %w[other key] }],
    ["the right key with others in one field", { "X-Api-Key" => "key, other" }],
    ["the field with underscores", { "X_Api_Key" => "key" }],
    ["the field with a dot", { "X.Api.Key" => "key" }],
    ["another field", { "Authorization" => "ApiKey key" }],
    ["a field that is for this hop only", { "Connection" => "X-Api-Key", "X-Api-Key" => "key" }],
    ["the query", {}, "/?api_key=key&X-Api-Key=key"]
  ].each do |what, headers, target = "/"|
    it "refuses #{what}" do
      expect(start_protected(keys: ["key"]).get(target, headers).status).to eq(401)
      expect(backend.connections).to eq(0)
    end
  end

  it "refuses a key with control bytes in it as malformed" do
    client = start_protected(keys: ["key"]).connect
    client.write("GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: key\0\r\n\r\n")

    expect(client.read_response.status).to eq(400)
  end

  it "asks for every method and for each request of a connection" do
    proxy = start_protected(keys: ["key"])
    client = proxy.connect

    expect(%w[HEAD OPTIONS POST DELETE].map { |method| proxy.request(method, "/").status }.uniq).to eq([401])
    expect([{ "X-Api-Key" => "key" }, {}, { "X-Api-Key" => "key" }].map { |headers| client.get("/", headers).status })
      .to eq([200, 401, 200])
  end

  it "looks into another field" do
    proxy = start_protected(keys: ["key"], header: "X-Token")

    expect([{ "x-token" => "key" }, { "X-Api-Key" => "key" }].map { |headers| proxy.get("/", headers).status })
      .to eq([200, 401])
  end

  it "looks into the query, however it is encoded, and takes the key out of it" do
    proxy = start_protected(keys: ["key/1"], query: "api_key", strip: true)
    targets = ["/a?api_key=key%2F1", "/a?x=%20&%61pi_key=key/1&y", "/a?x=1", "/a?api_key=key%2F1&api_key=key%2F1",
               "/a?api_key=key%2F1&%61pi_key=x", "/a?API_KEY=key%2F1", "/a?api_key="]

    expect(targets.map { |target| proxy.get(target).status }).to eq([200, 200, 401, 401, 401, 401, 401])
    expect(proxy.get("/a", "X-Api-Key" => "key/1").status).to eq(401)
    expect(backend.requests.map(&:target)).to eq(["/a", "/a?x=%20&y"])
  end

  it "takes the field away from the backend if it is told to" do
    proxy = start_protected(keys: ["key"], strip: true)
    proxy.get("/", "X-Api-Key" => "key", "X-Other" => "1")

    expect(backend.request["X-Api-Key"]).to be_nil
    expect(backend.request["X-Other"]).to eq("1")
  end

  it "answers with one's own response, and waits for no body" do
    client = start_protected(keys: ["key"], error_response: { status: 403, json: { inline: { error: "key" } } }).connect
    client.send_request("POST", "/", "Content-Length" => 1_000_000)

    expect(client.read_response).to have_attributes(status: 403, body: '{"error":"key"}')
    expect(client).to be_closed
  end
end
