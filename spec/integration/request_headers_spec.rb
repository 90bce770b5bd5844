# frozen_string_literal: true

require "support/integration"

RSpec.describe "headers" do
  # The request as the backend got it.
  def sent(options, request_headers = {}, target = "/")
    backend = start_backend
    proxy = start_proxy(to: backend, **options)
    expect(proxy.get(target, request_headers).status).to eq(200)
    backend.request
  end

  it "sets a literal, braces and all" do
    expect(sent({ headers: { "X-Note" => "{path} stays" } })["X-Note"]).to eq("{path} stays")
  end

  it "replaces what the client sent, in any letter case" do
    expect(sent({ headers: { "X-Note" => "ours" } }, "x-note" => %w[theirs again]).all("X-Note")).to eq(["ours"])
  end

  it "sets a string rewrite" do
    expect(sent({ headers: { "X-Asked" => { rewrite: "{method} {path}" } } }, {}, "/a")["X-Asked"]).to eq("GET /a")
  end

  it "sets X-Forwarded-For as the document shows" do
    expect(sent({ headers: { "X-Forwarded-For" => { rewrite: "{addr}" } } }).all("X-Forwarded-For"))
      .to eq(["127.0.0.1"])
  end

  it "sets several lines from an Array" do
    values = ["one", { rewrite: "{method}" }]
    expect(sent({ headers: { "X-Note" => values } }).all("X-Note")).to eq(%w[one GET])
  end

  it "removes with nil" do
    request = sent({ headers: { "Cookie" => nil } }, "Cookie" => "a=1", "X-Kept" => "yes")
    expect(request.names).to include("x-kept")
    expect(request.names).not_to include("cookie")
  end

  it "sets Host" do
    expect(sent({ headers: { "Host" => { rewrite: "{host}" } } }, "Host" => "site.test:81").all("Host"))
      .to eq(["site.test"])
  end

  it "is no way to break the message: control characters are removed from a rewrite" do
    backend = start_backend
    proxy = start_proxy(to: backend, headers: { "X-Note" => { rewrite: "{X-Raw}" } })
    proxy.get("/", "X-Raw" => "a\tb")
    expect(backend.request["X-Note"]).to eq("ab")
  end

  it "leaves the order and the values of the other fields as they were" do
    request = sent({ headers: { "X-New" => "1" } }, "X-B" => "Some Value", "X-A" => " padded ",
                   "Accept" => "a/b;q=0.1, */*")
    kept = request.fields.select { |name, _| %w[x-b x-a accept].include?(name.downcase) }
    expect(kept.map(&:last)).to eq(["Some Value", "padded", "a/b;q=0.1, */*"])
  end
end
