# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filter rewrite" do
  # The target that a backend gets, or the status that the client gets.
  def forwarded(path, target, headers = {})
    backend = start_backend
    proxy = start_proxy do
      rewrite path: path
      proxy backends: [backend.address]
    end
    response = proxy.get(target, headers)
    response.status == 200 ? backend.request.target : response.status
  end

  it "changes the path and keeps the query, unless it says what the query is" do
    expect(forwarded("/v2{path}", "/users?a=1")).to eq("/v2/users?a=1")
    expect(forwarded("{path|strip_prefix:/old}", "/old/users?a=1")).to eq("/users?a=1")
    expect(forwarded("/fixed", "/users?a=1")).to eq("/fixed?a=1")
    expect(forwarded("/index.php?route={path}", "/users?a=1")).to eq("/index.php?route=/users")
    expect(forwarded("/index.php{query}", "/users?a=1")).to eq("/index.php?a=1")
    expect(forwarded("/bare?", "/users?a=1")).to eq("/bare?")
  end

  it "makes a path of any value" do
    expect(forwarded("/files/{X-Name}", "/", "X-Name" => "a b?c#d%2fe\\f")).to eq("/files/a%20b%3Fc%23d%2fe%5Cf")
    expect(forwarded("/{X-Name}", "/?q", "X-Name" => "über".b)).to eq("/%C3%BCber?q")
    expect(forwarded("{path|strip_prefix:/old}", "/old")).to eq("/")
    expect(forwarded("{path|strip_prefix:/old/}", "/old/users")).to eq("/users")
  end

  it "refuses what would climb, and values that are not there" do
    expect(forwarded("/files/{X-Name}", "/", "X-Name" => "../secret")).to eq(400)
    expect(forwarded("/files/{X-Name}", "/", "X-Name" => "%2e%2e/secret")).to eq(400)
    expect(forwarded("{path|strip_prefix:/files}", "/files../secret")).to eq(400)
    expect(forwarded("/files/{X-Name}", "/")).to eq(400)
  end

  it "refuses with a response of one's own, and without a backend connection" do
    backend = start_backend
    proxy = start_proxy do
      rewrite path: "/{X-Name}", error_response: :not_found
      proxy backends: [backend.address]
    end

    expect([proxy.get.status, backend.connections]).to eq([404, 0])
  end

  it "is seen by the filters and handlers behind it, and tries no location again" do
    backend = start_backend
    proxy = start_proxy do
      location("/new/*") { static_response body: "the location" }
      request_headers additions: { "X-Before" => "{path}" }
      rewrite path: "/new{path}"
      request_headers additions: { "X-Behind" => "{path}" }
      proxy path_prefix: "/old", backends: [backend.address]
      proxy path_prefix: "/new", strip_prefix: true, to: "http://app.test/api{path}{query}", backends: [backend.address]
    end

    expect(proxy.get("/old/a?b").status).to eq(200)
    expect([backend.request.target, backend.request["X-Before"], backend.request["X-Behind"]])
      .to eq(["/api/old/a?b", "/old/a", "/new/old/a"])
  end

  it "knows what locations captured" do
    backend = start_backend
    proxy = start_proxy do
      location "/users/:id/:what" do
        rewrite path: "/{what}/{id}"
        proxy backends: [backend.address]
      end
    end
    ["/users/7/posts?a", "/users/a%3Fb%20c/posts", "/users/%2e%2e%2ex/posts"].each do |target|
      expect(proxy.get(target).status).to eq(200)
    end

    expect(backend.requests.map(&:target)).to eq(["/posts/7?a", "/posts/a%3Fb%20c", "/posts/...x"])
  end

  it "may be written several times, each on top of the one before" do
    backend = start_backend
    proxy = start_proxy do
      rewrite path: "/a{path}"
      location "/x/*" do
        rewrite path: "/b{path}?n=1"
        proxy backends: [backend.address]
      end
    end
    proxy.get("/x/y?z")

    expect(backend.request.target).to eq("/b/a/x/y?n=1")
  end

  it "leaves OPTIONS * alone" do
    backend = start_backend
    proxy = start_proxy do
      rewrite path: "/v2{path}"
      proxy backends: [backend.address]
    end
    proxy.request("OPTIONS", "*")

    expect(backend.request.target).to eq("*")
  end

  it "leaves the access log what the client sent" do
    backend = start_backend
    lines = %w[combined json {path}{query}].map do |format|
      file = File.join(directory, "#{format.hash}.log")
      proxy = start_proxy do
        access_log format, to: file
        rewrite path: "/new?x"
        proxy backends: [backend.address]
      end
      proxy.get("/old/a?b=1")
      proxy.server.stop(timeout: 2)
      File.read(file)
    end

    expect(lines)
      .to match([include('"GET /old/a?b=1 HTTP/1.1"'), include('"path":"/old/a"', '"query":"b=1"'), "/old/a?b=1\n"])
    expect(backend.requests.map(&:target)).to eq(["/new?x"] * 3)
  end
end
