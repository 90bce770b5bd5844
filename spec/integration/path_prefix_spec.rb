# frozen_string_literal: true

require "support/integration"

RSpec.describe "path_prefix" do
  # The status and the path the backend saw.
  def asked(path, **options)
    backend = start_backend
    proxy = start_proxy do
      proxy backends: [backend.address], path_prefix: "/api", **options
      static_response code: 404, body: "fell through"
    end
    response = proxy.get(path)
    [response.body, backend.requests.first&.target]
  end

  ["/api", "/api/", "/api/users?x=/other"].each do |path|
    it("accepts #{path}") { expect(asked(path)).to eq(["ok", path]) }
  end

  ["/", "/ap", "/apis", "/other/api", "/API", "/api/../other"].each do |path|
    it("lets #{path} fall through to the next handler") { expect(asked(path)).to eq(["fell through", nil]) }
  end

  { "/api" => "/", "/api/" => "/", "/api/users?x=1" => "/users?x=1", "/api?x=1" => "/?x=1", "/api/api/a" => "/api/a" }
    .each do |path, stripped|
    it("with strip_prefix turns #{path} into #{stripped}") do
      expect(asked(path, strip_prefix: true)).to eq(["ok", stripped])
    end
  end

  it "with strip_prefix changes {path} in to as well" do
    expect(asked("/api/users", strip_prefix: true, to: "http://b.test/v2{path}")).to eq(["ok", "/v2/users"])
  end

  it "leaves the choice between several prefixes to the order of the file" do
    addresses = %w[first second].map { |name| backend_answering(name).address }
    proxy = start_proxy do
      proxy backends: [addresses[0]], path_prefix: "/a/b"
      proxy backends: [addresses[1]], path_prefix: "/a"
    end
    expect([proxy.get("/a/b/c").body, proxy.get("/a/c").body]).to eq(%w[first second])
  end

  it "answers 404 when no handler is left" do
    proxy = start_proxy(to: start_backend, path_prefix: "/api")
    expect(proxy.get("/elsewhere").status).to eq(404)
  end
end
