# frozen_string_literal: true

require "support/integration"

RSpec.describe "location and static_response" do
  def answers(*paths, &configuration)
    proxy = start_proxy(&configuration)
    client = proxy.connect
    paths.map { |path| client.get(path).then { |response| response.status == 404 ? 404 : response.body } }
  end

  it "answers a request without a backend" do
    proxy = start_proxy do
      static_response code: 201, headers: { "Content-Type" => "text/plain", "X-A" => "1" }, body: "made"
    end
    response = proxy.get
    expect([response.status, response["X-A"], response["Content-Length"], response.body]).to eq([201, "1", "4", "made"])
  end

  it "takes a list of pairs as headers, for a field of several lines" do
    proxy = start_proxy { static_response code: 200, headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]], body: "" }
    expect(proxy.get.all("Set-Cookie")).to eq(["a=1", "b=2"])
  end

  it "answers HEAD with the length and without the body" do
    client = start_proxy { static_response code: 200, body: "12345" }.connect
    response = client.request("HEAD", "/")
    expect(response["Content-Length"]).to eq("5")
    expect(client.get.body).to eq("12345")
  end

  it "reads past the body of a request it answers" do
    client = start_proxy { static_response code: 200, body: "ok" }.connect
    2.times { expect(client.request("POST", "/", {}, "x" * 1000).body).to eq("ok") }
  end

  it "matches an exact path, with or without a trailing slash" do
    result = answers("/about", "/about/", "/about/us", "/") { location("/about") { static_response body: "about" } }
    expect(result).to eq(["about", "about", 404, 404])
  end

  it "matches a prefix at the boundary of a segment" do
    result = answers("/api/a", "/api/a/b", "/apix") { location("/api/*") { static_response body: "api" } }
    expect(result).to eq(["api", "api", 404])
  end

  it "matches any of several patterns" do
    result = answers("/a", "/b/c", "/d") { location("/a", "/b/*") { static_response body: "either" } }
    expect(result).to eq(["either", "either", 404])
  end

  it "tries locations in the order of the file" do
    result = answers("/a/b", "/a/c") do
      location("/a/b") { static_response body: "exact" }
      location("/a/*") { static_response body: "prefix" }
    end
    expect(result).to eq(%w[exact prefix])
  end

  it "tries a location's children inside it" do
    result = answers("/a/b", "/a/c") do
      location "/a/*" do
        location("/b") { static_response body: "inner" }
        static_response body: "outer"
      end
    end
    expect(result).to eq(%w[inner outer])
  end

  it "matches after dot segments are resolved" do
    result = answers("/public/../secret/x", "/public/%2e%2e/secret/x") do
      location("/secret/*") { static_response body: "secret" }
    end
    expect(result).to eq(%w[secret secret])
  end

  it "answers 404 when nothing matches" do
    proxy = start_proxy { location("/a") { static_response body: "a" } }
    expect(proxy.get("/b").status).to eq(404)
  end
end
