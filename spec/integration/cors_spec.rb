# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filter cors" do
  app = "https://app.example.com"

  # The fields of a response that are about other origins.
  def said(response)
    response.fields.select { |name, _| name.match?(/\Aaccess-control-/i) }.to_h do |name, value|
      [name.downcase.delete_prefix("access-control-"), value]
    end
  end

  def preflight(proxy, origin, headers = {})
    proxy.request("OPTIONS", "/", { "Origin" => origin, "Access-Control-Request-Method" => "PUT" }.merge(headers))
  end

  it "answers preflights itself, and tells an origin that may ask what it may" do
    backend = start_backend
    proxy = start_proxy do
      cors origins: [app, "https://*.example.org"], methods: [:get, "PUT"], headers: ["X-Token", "Content-Type"],
           max_age: 600, credentials: true
      proxy backends: [backend.address]
    end
    response = preflight(proxy, app)

    expect([response.status, response["Vary"], response.body, response["Content-Length"]])
      .to eq([204, "Origin", "", nil])
    expect(said(response))
      .to eq("allow-origin" => app, "allow-methods" => "GET, PUT", "allow-headers" => "X-Token, Content-Type",
             "allow-credentials" => "true", "max-age" => "600")
    expect(said(preflight(proxy, "https://a.example.org"))).to include("allow-origin" => "https://a.example.org")
    expect(backend.connections).to eq(0)
  end

  it "tells any other origin nothing" do
    proxy = start_proxy do
      cors origins: app, expose: ["X-Total"]
      static_response body: "ok"
    end
    ["https://evil.example", "http://app.example.com", "https://app.example.com.evil.example", "null", "", [app, app]]
      .each do |origin|
      [preflight(proxy, origin), proxy.get("/", "Origin" => origin)].each do |response|
        expect([said(response), response["Vary"]]).to eq([{}, "Origin"]), origin.inspect
      end
    end
  end

  it "puts its fields on every other response, in the place of a backend's own" do
    backend = backend_answering("ok", { "access-control-allow-origin" => "*",
                                        "Access-Control-Allow-Credentials" => "true", "Vary" => "Accept",
                                        "Access-Control-Expose-Headers" => "X-Secret",
                                        "Access-Control-Max-Age" => "5" })
    proxy = start_proxy do
      cors origins: app, expose: %w[X-Total X-Page]
      location("/missing") { request_headers removals: ["Origin"] }
      location("/backend") { proxy backends: [backend.address], headers: { "Origin" => nil } }
    end
    response = proxy.get("/backend", "Origin" => app)

    expect([response.body, response.all("Vary")]).to eq(["ok", %w[Accept Origin]])
    expect(said(response)).to eq("allow-origin" => app, "expose-headers" => "X-Total, X-Page")
    expect(said(proxy.get("/backend", "Origin" => "https://evil.example"))).to eq({})
    expect(said(proxy.get("/backend"))).to eq({})
    expect(said(proxy.get("/missing", "Origin" => app))).to include("allow-origin" => app)
  end

  it "takes an OPTIONS request without the fields of a preflight for an ordinary one" do
    backend = start_backend
    proxy = start_proxy do
      cors origins: app
      proxy backends: [backend.address]
    end
    expect(proxy.request("OPTIONS", "/", "Origin" => app).status).to eq(200)
    expect(proxy.request("OPTIONS", "/", "Access-Control-Request-Method" => "PUT").status).to eq(200)
    expect(proxy.request("GET", "/", "Origin" => app, "Access-Control-Request-Method" => "PUT").status).to eq(200)
    expect(backend.requests.length).to eq(3)
  end

  it "lets everybody in where it says so, without their cookies" do
    proxy = start_proxy do
      cors origins: "*", methods: "*", headers: "*"
      static_response body: "ok"
    end
    asked = { "Access-Control-Request-Headers" => "x-a, x-b" }

    expect(said(preflight(proxy, "https://any.example", asked)))
      .to eq("allow-origin" => "*", "allow-methods" => "*", "allow-headers" => "*")
    response = proxy.get("/", "Origin" => "https://any.example")
    expect([said(response), response["Vary"]]).to eq([{ "allow-origin" => "*" }, nil])
  end

  it "repeats what was asked for where all is allowed with cookies, for which * means nothing" do
    proxy = start_proxy do
      cors origins: app, methods: "*", headers: "*", credentials: true
      static_response body: "ok"
    end
    response = preflight(proxy, app, "Access-Control-Request-Headers" => "x-a, x-b")

    expect(said(response))
      .to eq("allow-origin" => app, "allow-credentials" => "true", "allow-methods" => "PUT",
             "allow-headers" => "x-a, x-b")
    expect(response["Vary"]).to include("Access-Control-Request-Headers")
    expect(said(preflight(proxy, app, "Access-Control-Request-Headers" => "x-a, x b"))).not_to include("allow-headers")
  end

  it "lets a page read the refusals of filters behind it" do
    proxy = start_proxy do
      cors origins: app
      deny_list "127.0.0.1"
    end
    response = proxy.get("/", "Origin" => app)

    expect([response.status, said(response)]).to eq([403, { "allow-origin" => app }])
    expect(preflight(proxy, app).status).to eq(204)
  end

  it "is what the innermost one says" do
    proxy = start_proxy do
      cors origins: app, credentials: true
      location "/public" do
        cors origins: "https://other.example"
        static_response body: "ok"
      end
    end

    expect(said(proxy.get("/public", "Origin" => app))).to eq({})
    expect(said(proxy.get("/public", "Origin" => "https://other.example")))
      .to eq("allow-origin" => "https://other.example")
  end
end
