# frozen_string_literal: true

require "support/integration"

RSpec.describe "Puma behind the proxy" do
  before do
    address = puma.address
    @proxy = start_proxy { proxy to: "http://app.test{path}{query}", backends: [address] }
  end

  it "serves GET with the path, the query and the forwarded fields" do
    echo = JSON.parse(@proxy.get("/a%20b?x=1&y=%2F").body)
    expect(echo).to include("method" => "GET", "path" => "/a%20b", "query" => "x=1&y=%2F")
    expect(echo["headers"])
      .to include("host" => "app.test", "x-forwarded-for" => "127.0.0.1", "x-forwarded-proto" => "http")
  end

  it "serves HEAD" do
    response = @proxy.request("HEAD")
    expect([response.status, response.body]).to eq([200, ""])
  end

  it "serves POST" do
    expect(JSON.parse(@proxy.post("/", "some body").body)).to include("method" => "POST", "body" => "some body")
  end

  %w[PUT PATCH DELETE OPTIONS].each do |method|
    it "serves #{method} with a body" do
      expect(JSON.parse(@proxy.request(method, "/", {}, "body").body)).to include("method" => method, "body" => "body")
    end
  end

  it "passes every status on" do
    client = @proxy.connect
    [200, 201, 204, 301, 304, 400, 404, 418, 500, 503].each do |code|
      expect(client.get("/status?code=#{code}").status).to eq(code)
    end
  end

  it "sees no field that a client could forge" do
    headers = JSON
              .parse(@proxy.get("/", "X_Forwarded_For" => "6.6.6.6", "X-Forwarded-For" => "7.7.7.7").body)["headers"]
    expect(headers["x-forwarded-for"]).to eq("127.0.0.1")
  end
end
