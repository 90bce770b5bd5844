# frozen_string_literal: true

require "stringio"
require "proxy/router"
require_relative "proxyfiles"

RSpec.describe "Proxy::Router" do
  include Proxyfiles

  def router
    Proxy::Router.new do
      upstream "app_servers", backends: ["127.0.0.1:3001", "127.0.0.1:3002"]
      rate_limit requests: 100, seconds: 60, key: { header: "X-Api-Key" }
      deny_list "192.0.2.7"
      location "/users/:id" do
        request_headers additions: { "X-Env" => "test" }, removals: ["Cookie"]
        proxy to: "http://app_servers/v2/{id}"
      end
      location("/old/*") { redirect to: "https://new.example{path}", type: "permanent" }
      location("/health") { static_response body: "fine\n" }
      location("/direct") { proxy backends: ["127.0.0.1:3003"] }
      location("/name") { proxy to: "http://users.internal:81{path}" }
    end
  end

  # Output of the command.
  def routes(*arguments)
    out = StringIO.new
    Proxy::CLI.run(["routes", *arguments], out: out)
    out.string.chomp
  end

  it "says who gets a request, and as what" do
    found = router.explain("GET https://shop.example.com/users/7", headers: { "Cookie" => "a=1", "X-B": %w[1 2] })

    expect([found.request, found.word, found.status, found.forwarded?])
      .to eq(["GET https://shop.example.com/users/7", "proxy", nil, true])
    expect([found.upstream, found.backends, found.target, found.line])
      .to eq(["app_servers", ["127.0.0.1:3001", "127.0.0.1:3002"], "http://app_servers/v2/7", "GET /v2/7 HTTP/1.1"])
    expect(found.captures).to eq(id: "7")
    expect(found.fields).to include(%w[X-Env test], %w[X-B 1], %w[X-B 2], ["X-Forwarded-Proto", "https"])
    expect(found.fields.map(&:first)).not_to include("Cookie")
    expect(found.filters).to eq(%w[rate_limit deny_list request_headers])
    expect(found.limits).to eq([{ requests: 100, seconds: 60.0, key: { header: "X-Api-Key" } }])
  end

  it "knows backends without an upstream, and hosts" do
    expect(router.explain("/direct").destinations).to eq(["/direct", "127.0.0.1:3003"])
    expect(router.explain("/name").destinations).to eq(["users.internal:81", "http://users.internal:81/name"])
    expect([router.explain("/name").upstream, router.explain("/name").backends]).to eq([nil, []])
  end

  it "knows applications: that of `proxy run`, and those in the process" do
    path = write("Proxyfile", <<~RUBY)
      location("/in/*") { run Class.new { def self.name = "Admin"; def self.call(_) = nil } }
      proxy backends: [:app]
    RUBY
    threads = Thread.list
    router = Proxy::Router.load(path)

    expect([router.explain("/a").backends, router.explain("/a").to_s]).to match([[":app"], /^ +backends: :app$/])
    expect(router.explain("/in/a").destinations).to eq(%w[run Admin])
    expect(router.explain("/in/a").to_s).to end_with("answer:\n   1  run Admin")
    expect(Thread.list - threads).to eq([])
  end

  it "says what the proxy answers by itself" do
    { "/old/x" => [308, "redirect", "https://new.example/old/x", nil],
      "/health" => [200, "static_response", nil, "fine\n"],
      "/none" => [404, nil, nil, nil], "/a/../.." => [400, nil, nil, nil],
      "CONNECT /health" => [405, nil, nil, nil] }.each do |request, answer|
      found = router.explain(request)
      expect([found.status, found.word, found.location, found.body]).to eq(answer), request
      expect([found.forwarded?, found.target, found.line, found.fields, found.destinations])
        .to eq([false, nil, nil, [], []]), request
    end
  end

  it "stops at the filter that answers" do
    found = router.explain("GET /users/7", from: "192.0.2.7")

    expect([found.status, found.word, found.forwarded?, found.captures]).to eq([403, "deny_list", false, { id: "7" }])
    expect(found.filters).to eq(%w[rate_limit deny_list])
    expect(found.to_s).to include("deny_list 192.0.2.7\n        answers this request: 403\n")
      .and(include("\nanswer, if the filters let it pass:\n"))
  end

  it "prints what `proxy routes` prints" do
    path = write("Proxyfile", <<~RUBY)
      location("/old/*") { redirect to: "/new{path}" }
      proxy backends: ["127.0.0.1:1"], forwarded_headers: false, preserve_host: true
    RUBY
    router = Proxy::Router.load(path)
    ["http://a/old/x", "http://a/"].each do |url|
      expect(router.explain(url).to_s).to eq(routes("-c", path, url))
    end
    expect(router.to_s).to eq(routes("-c", path))
  end

  it "raises every mistake of the configuration" do
    path = write("Proxyfile", "proxy backend: []\nlocation('a') { static_response body: '' }\n")

    expect { Proxy::Router.load(path) }
      .to raise_error(Proxy::ConfigurationError, /:1: proxy: unknown option :backend.*\n.*:2: location: "a" is not/)
    expect { Proxy::Router.new { proxi to: "" } }.to raise_error(Proxy::ConfigurationError, /did you mean proxy/)
  end

  it "refuses what is no text in UTF-8" do
    ["/\xff", "/\xff".b, "/\xff".encode("UTF-16LE", "ISO-8859-1")].each do |request|
      expect { router.explain(request) }
        .to raise_error(ArgumentError, "#{request.inspect} is no text in UTF-8: write other bytes as %FF")
    end
  end

  {
    ["GET POST /"] => '"GET POST /" is no request: write one such as "GET /users"',
    [""] => '"" is no request: write one such as "GET /users"',
    ["users"] => '"users" is not a URL that can be asked for',
    ["/", { from: "here" }] => '"here" is not a valid address',
    ["/", { headers: { "a b" => "c" } }] => '"a b": "c" is not a valid header'
  }.each do |(request, options), message|
    it "refuses #{[request, *options].join(", ")}" do
      expect { router.explain(request, **options.to_h) }
        .to raise_error(ArgumentError, start_with(message))
    end
  end
end
