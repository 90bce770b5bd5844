# frozen_string_literal: true

require "support/integration"

RSpec.describe "routing" do
  # What each target gets: the body, or the status of a built-in error.
  def answers(*targets, host: "example.test", **headers, &configuration)
    proxy = start_proxy(&configuration)
    targets.map do |target|
      response = proxy.get(target, { "Host" => host, **headers.transform_keys(&:to_s) })
      response.status == 200 ? response.body : response.status
    end
  end

  # The targets that a backend sees, with the values of the field X-Captured.
  def forwarded(*targets, host: "example.test", &configuration)
    backend = start_backend
    address = backend.address
    proxy = start_proxy { instance_exec(address, &configuration) }
    targets.each { |target| proxy.get(target, "Host" => host) }
    backend.requests.map { |request| [request.target, request["X-Captured"]].compact }
  end

  describe "patterns" do
    it "matches wildcards anywhere" do
      result = answers("/files/a/b.png", "/files/a.jpg", "/a/x/b/", "/a/b") do
        location("/files/*.png") { static_response body: "png" }
        location("/a/*/b") { static_response body: "between" }
      end
      expect(result).to eq(["png", 404, "between", 404])
    end

    it "matches captures and their own patterns, in the order of the file" do
      result = answers("/users/7", "/users/me", "/users/7/x", "/users/") do
        location("/users/:id([0-9]+)") { static_response body: "number" }
        location("/users/:name") { static_response body: "name" }
      end
      expect(result).to eq(["number", "name", 404, 404])
    end

    it "matches Regexps, with their flags" do
      result = answers("/de/x", "/EN/x", "/fr/x", "/x/de/") do
        location(%r{\A/(?<lang>de|en)/}i) { static_response body: "lang" }
      end
      expect(result).to eq(["lang", "lang", 404, 404])
    end

    it "matches what the escapes of the path stand for" do
      result = answers("/caf%C3%A9", "/caf%c3%a9/", "/%63af%C3%A9", "/a%20b", "/x%3Ay") do
        location("/café", "/a b", "/x%3Ay") { static_response body: "yes" }
      end
      expect(result).to eq(["yes"] * 5)
    end
  end

  describe "captures" do
    it "fills them into the target, escaped again" do
      seen = forwarded("/users/a%2Bb%20c/?q=1", "/users/x%3Fy", "/users/%C3%A9") do |address|
        location("/users/:id") { proxy to: "http://b.test/v2/{id}{query}", backends: [address] }
      end
      expect(seen).to eq([["/v2/a%2Bb%20c?q=1"], ["/v2/x%3Fy"], ["/v2/%C3%A9"]])
    end

    it "fills them into fields without control characters" do
      seen = forwarded("/users/a%0D%0AX-Evil:%201") do |address|
        location("/users/:id") { proxy backends: [address], headers: { "X-Captured" => { rewrite: "<{id}>" } } }
      end
      expect(seen).to eq([["/users/a%0D%0AX-Evil:%201", "<aX-Evil: 1>"]])
    end

    it "sees those of hosts and of outer locations, inner ones first" do
      seen = forwarded("/a/b", host: "Acme.example.test") do |address|
        location hosts: [/\A(?<tenant>[a-z]+)\.example/] do
          location "/:x/*" do
            location(%r{\A/(?<y>[^/]+)/(?<x>.+)\z}) do
              proxy backends: [address], headers: { "X-Captured" => { rewrite: "{tenant} {x} {y}" } }
            end
          end
        end
      end
      expect(seen).to eq([["/a/b", "acme b a"]])
    end

    it "knows them in filters and in the access log" do
      Dir.mktmpdir do |directory|
        path = "#{directory}/access.log"
        proxy = start_proxy do
          access_log "{id} {status}", to: path
          location "/users/:id" do
            response_headers additions: { "X-Id" => "{id}" }
            static_response body: ""
          end
        end
        expect(proxy.get("/users/7")["X-Id"]).to eq("7")
        proxy.get("/other")
        eventually { expect(File.read(path)).to eq("7 200\n- 404\n") }
      end
    end
  end

  describe "hosts" do
    configuration = lambda do |_ = nil|
      host("a.test") { static_response body: "a" }
      host("*.a.test") { static_response body: "below a" }
      host(/\Ab\d+\.test\z/) { static_response body: "b" }
      host("[::1]", "127.0.0.1") { static_response body: "address" }
    end

    { "a.test" => "a", "A.TEST" => "a", "a.test." => "a", "a.test:8080" => "a", "A.test.:80" => "a",
      "x.a.test" => "below a",
      "x.Y.a.test." => "below a", "xa.test" => 404, "B12.test" => "b", "b.test" => 404, "[::1]:80" => "address",
      "127.0.0.1" => "address" }.each do |name, answer|
      it("takes #{name} to #{answer}") { expect(answers("/", host: name, &configuration)).to eq([answer]) }
    end

    it "believes the host of an absolute target, not the Host field" do
      expect(answers("http://x.a.test/", "http://other.test/", host: "a.test", &configuration)).to eq(["below a", 404])
    end
  end

  describe "conditions" do
    it "must all hold" do
      proxy = start_proxy do
        location("/x", methods: %w[POST], headers: { "X-Beta" => /\A1/, "X-Off" => nil }) do
          static_response body: "yes"
        end
      end
      statuses = [["POST", { "X-Beta" => "12" }], ["GET", { "X-Beta" => "12" }], ["POST", {}],
                  ["POST", { "X-Beta" => "12", "X-Off" => "" }]]
                 .map { |method, headers| proxy.request(method, "/x", headers, "").status }
      expect(statuses).to eq([200, 404, 404, 404])
    end

    it "look at the query and the cookies" do
      result = answers("/?v=2", "/?v=%32", "/?v=1", "/?w", Cookie: "a=1; beta=on") do
        location(query: { "v" => "2" }, cookies: { "beta" => "on", "gone" => nil }) { static_response body: "v2" }
        location(query: { "w" => true }) { static_response body: "w" }
      end
      expect(result).to eq(["v2", "v2", 404, "w"])
    end

    it "look at the address of the client, which a trusted proxy may name" do
      configuration = lambda do |_ = nil|
        trusted_proxies "127.0.0.1"
        location(remote: ["10.0.0.0/8"]) { static_response body: "inside" }
        location(remote: "127.0.0.1") { static_response body: "local" }
      end
      proxy = start_proxy(&configuration)
      bodies = [{}, { "X-Forwarded-For" => "10.1.2.3" }, { "X-Forwarded-For" => "10.1.2.3, 192.0.2.1" }].map { |headers|
        proxy.get("/", headers).body
      }
      expect(bodies[0..1]).to eq(%w[local inside])
      expect(bodies[2]).not_to eq("inside")
    end

    it "look at media types and extensions" do
      proxy = start_proxy do
        location(accepts: "text/html", extensions: "html") { static_response body: "page" }
        location(content_types: ["application/json", "image/*"]) { static_response body: "api" }
      end
      answers = [proxy.get("/a.HTML", "Accept" => "text/*"), proxy.get("/a.html", "Accept" => "image/png"),
                 proxy.post("/", "{}", "Content-Type" => "application/json;charset=utf-8"),
                 proxy.post("/", "x", "Content-Type" => "text/plain")]
      expect(answers.map { |response| response.status == 200 ? response.body : response.status })
        .to eq(["page", 404, "api", 404])
    end
  end

  it "asks the handlers around a location that has none for a request" do
    result = answers("/a/b", "/a/api/x") do
      location "/a/*" do
        proxy to: "http://127.0.0.1:1", path_prefix: "/a/api", error_response: :service_unavailable
      end
      static_response body: "outer"
    end
    expect(result).to eq(["outer", 503])
  end
end
