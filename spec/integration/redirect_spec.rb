# frozen_string_literal: true

require "support/integration"

RSpec.describe "redirects" do
  # Where a client is sent, or the status if it is sent nowhere.
  def location_of(to, target, headers = {})
    proxy = start_proxy { redirect to: to }
    response = proxy.get(target, headers)
    response.status == 302 ? response["Location"] : response.status
  end

  it "answer with the status of their type, and without a body" do
    types = { permanent: 308, "temporary" => 307, moved_permanently: 301, found: 302 }
    types.each do |type, status|
      proxy = start_proxy { redirect to: "https://www.example.com{path}{query}", type: type }
      client = proxy.connect
      response = client.get("/a%20b?c=d")

      expect([response.status, response["Location"], response["Content-Length"]])
        .to eq([status, "https://www.example.com/a%20b?c=d", "0"])
      expect(client.request("HEAD", "/").status).to eq(status)
    end
  end

  it "lead to a URL or to another path" do
    expect(location_of("https://{host}{path}{query}", "/a?b", "Host" => "Example.test:8080"))
      .to eq("https://Example.test/a?b")
    expect(location_of("HTTP://{host}:8443/x", "/a")).to eq("http://example.test:8443/x")
    expect(location_of("/new{path}{query}", "/a?b")).to eq("/new/a?b")
    expect(location_of("{path|replace:old,new}", "/old/a?b")).to eq("/new/a")
    expect(location_of("/docs#install", "/a")).to eq("/docs#install")
    expect(location_of("https://a.example#top", "/a")).to eq("https://a.example/#top")
  end

  it "lead to no other host than the template's" do
    expect(location_of("{path}{query}", "//evil.example/a")).to eq("/evil.example/a")
    expect(location_of("{path}", "///evil.example")).to eq("/evil.example")
    expect(location_of("{path}", "/./%2e//evil.example")).to eq("/evil.example")
    expect(location_of("{path|strip_prefix:/go}", "/go//evil.example")).to eq("/evil.example")
    expect(location_of("{path|strip_prefix:/go/}", "/go/https://evil.example")).to eq("/https://evil.example")
    expect(location_of("/{X-Next}", "/", "X-Next" => "/evil.example")).to eq("/evil.example")
    expect(location_of("/{X-Next}", "/", "X-Next" => "\\evil.example")).to eq("/%5Cevil.example")
    expect(location_of("{path}", "/\\evil.example")).to eq(400)
    expect(location_of("https://a.example{path}", "//evil.example")).to eq("https://a.example//evil.example")
    expect(location_of("https://{X-Next}.a.example/", "/", "X-Next" => "evil.example/")).to eq(400)
    expect(location_of("https://a.example{path}", "http://evil.example/x")).to eq("https://a.example/x")
  end

  it "hold nothing that a header may not hold" do
    expect(location_of("/{X-Next}", "/", "X-Next" => "a\tb \u00fc\"<>".b)).to eq("/a%09b%20%C3%BC%22%3C%3E")
    expect(location_of("/a/{X-Next}", "/", "X-Next" => "../../b")).to eq(400)
    expect(location_of("/a/{X-Next}", "/")).to eq(400)
  end

  it "leave a backend and the body alone" do
    proxy = start_proxy { redirect to: "/elsewhere" }
    client = proxy.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"

    expect(client.read_response).to have_attributes(status: 302, to_s: include("Connection: close"))
  end

  it "stand among other handlers" do
    backend = start_backend
    proxy = start_proxy do
      location("/old/*") { redirect to: "{path|strip_prefix:/old}", type: :permanent }
      proxy backends: [backend.address], path_prefix: "/api"
      redirect to: "/api{path}"
    end

    expect(%w[/old/a /api/b /c].map { |path| proxy.get(path).then { |r| [r.status, r["Location"]] } })
      .to eq([[308, "/a"], [200, nil], [302, "/api/c"]])
  end
end

RSpec.describe "the filter redirect_http_to_https!" do
  it "sends what did not come over https to the same URL with https" do
    backend = start_backend
    proxy = start_proxy do
      location("/inner") { static_response body: "inner" }
      redirect_http_to_https!
      proxy backends: [backend.address]
    end
    sent = [proxy.get("/inner?a=b"), proxy.post("//x/%2F?", "body", "Host" => "[::1]:8080"),
            proxy.get("http://other.test:81/y")]

    expect(sent.map(&:status)).to eq([308, 308, 308])
    expect(sent.map { |response| response["Location"] })
      .to eq(["https://example.test/inner?a=b", "https://[::1]//x/%2F?", "https://other.test/y"])
    expect(backend.connections).to eq(0)
  end

  it "may name another port" do
    proxy = start_proxy do
      redirect_http_to_https! port: 8443
      static_response body: "ok"
    end

    expect(proxy.get("/a", "Host" => "example.test:8080")["Location"]).to eq("https://example.test:8443/a")
  end

  it "holds in its scope alone" do
    proxy = start_proxy do
      location("/secure") { redirect_http_to_https! }
      static_response body: "ok"
    end

    expect([proxy.get("/secure").status, proxy.get("/").status]).to eq([308, 200])
  end

  it "refuses a request that names no host" do
    proxy = start_proxy do
      redirect_http_to_https!
      static_response body: "ok"
    end
    client = proxy.connect
    client.write "GET / HTTP/1.0\r\n\r\n"

    expect(client.read_response.status).to eq(400)
  end

  it "takes nobody's word for https" do
    proxy = start_proxy do
      redirect_http_to_https!
      static_response body: "ok"
    end

    expect(proxy.get("/", "X-Forwarded-Proto" => "https", "Forwarded" => "proto=https").status).to eq(308)
  end

  it "believes a trusted proxy" do
    proxy = start_proxy do
      trusted_proxies "127.0.0.1"
      redirect_http_to_https!
      static_response body: "ok"
    end
    from = ->(scheme) { proxy.get("/", "X-Forwarded-For" => "192.0.2.1", "X-Forwarded-Proto" => scheme).status }

    expect([from["https"], from["http"], proxy.get.status]).to eq([200, 308, 308])
  end
end
