# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe Proxy::DSL do
  include Proxyfiles

  # As the documentation shows it.
  let(:document) { <<~'RUBY' }
    proxy \
      to: "http://backend.example.com/api{path}{query}", \
      backends: ["127.0.0.1:3001", "127.0.0.1:3002"], \
      backend_priority: "round_robin", \
      headers: { "X-Forwarded-For" => { rewrite: "{addr}" } }, \
      verify_ssl: false, \
      timeout: 30, \
      tls_sni: true, \
      error_response: "bad_gateway"
  RUBY

  it "loads the document's example as it stands, trailing backslashes included" do
    expect(options_of(document)).to eq(
      "to" => "http://backend.example.com/api{path}{query}",
      "pool" => {
        "backends" => [{ "address" => "127.0.0.1:3001" }, { "address" => "127.0.0.1:3002" }],
        "backend_priority" => { "named" => "round_robin" }, "verify_ssl" => false, "tls_sni" => true
      },
      "headers" => [{ "name" => "X-Forwarded-For", "values" => [{ "rewrite" => "{addr}" }] }],
      "timeout" => 30.0, "error_response" => { "named" => "bad_gateway" }
    )
  end

  it "records the line of the word, wherever the arguments stand" do
    config = Proxy::Config.load(write("Proxyfile", <<~'RUBY'))
      threads 2
      proxy \
        to: "http://a.example", \
        timeout: 3

      proxy(

        to: "http://b.example",
        backends: [1, 2].map { |n|
          "127.0.0.1:300#{n}"
        },
        timeout: 3
      )
      location "/x" do
        static_response code: 204
      end
    RUBY
    lines = config.to_h["routes"].map { |route| route.values.first["at"]["line"] }
    inner = config.to_h["routes"].last["location"]["routes"].first["static_response"]["at"]["line"]

    expect([config.to_h["threads"]["at"]["line"], *lines, inner]).to eq([1, 2, 6, 14, 15])
  end

  it "records the line of a call inside of a method of the file" do
    config = Proxy::Config.load(write("Proxyfile", <<~RUBY))
      def app(port)
        proxy backends: ["127.0.0.1:\#{port}"]
      end
      location("/a/*") { app 3001 }
      app 3002
    RUBY

    expect(config.errors).to eq([])
    expect(config.to_h["routes"].last.dig("proxy", "at", "line")).to eq(2)
    expect(config.to_h["routes"].first.dig("location", "routes", 0, "proxy", "pool", "backends"))
      .to eq([{ "address" => "127.0.0.1:3001" }])
  end

  it "lets `return` end the file" do
    expect(options_of("static_response code: 200\nreturn\nstatic_response code: 201\n")).to eq("code" => 200)
    expect(configuration_of("static_response code: 200\nreturn if true\nraise\n").fetch("routes").length).to eq(1)
  end

  it "takes the relative path of a unix socket from the folder of the file" do
    addresses = options_of('proxy backends: ["unix:tmp/app.sock", "unix:/run/app.sock", "unix:///run/b.sock"]')
                .dig("pool", "backends")

    expect(addresses.map { |backend| backend["address"] })
      .to eq(["unix:#{directory}/tmp/app.sock", "unix:/run/app.sock", "unix:///run/b.sock"])
  end

  it "names the file as the person named it" do
    config = Proxy::Config.load { static_response code: 200 }

    expect(config.to_h["routes"].first.dig("static_response", "at")).to eq("file" => __FILE__, "line" => __LINE__ - 2)
  end

  it "lets a block that takes an argument keep its self" do
    @port = 3001
    config = Proxy::Config.load { |c| c.location("/a") { c.proxy backends: ["127.0.0.1:#{@port}"] } }

    expect(config.to_h["routes"].first.dig("location", "routes", 0, "proxy", "pool", "backends"))
      .to eq([{ "address" => "127.0.0.1:3001" }])
  end

  describe "server directives" do
    it "takes every one" do
      write("log/access.log", "")
      hash = configuration_of(<<~RUBY)
        threads 4
        trusted_proxies "10.0.0.0/8", ["::1", "unix:"]
        resolver "127.0.0.1:53", "10.0.0.2"
        shutdown_timeout 10
        tunnel_grace 0
        handshake_timeout 5
        client_header_timeout 0.5
        client_body_timeout 20
        min_rate 1_000
        keepalive_timeout 15
        max_connections 50_000
        max_header_size 16_384
        log_level :debug
        access_log "combined", to: "log/access.log"
      RUBY

      expect(hash).to include(
        "threads" => { "value" => 4 }, "trusted_proxies" => { "value" => ["10.0.0.0/8", "::1", "unix:"] },
        "resolver" => { "value" => ["127.0.0.1:53", "10.0.0.2"] },
        "shutdown_timeout" => { "value" => 10.0 }, "tunnel_grace" => { "value" => 0.0 },
        "handshake_timeout" => { "value" => 5.0 }, "client_header_timeout" => { "value" => 0.5 },
        "client_body_timeout" => { "value" => 20.0 }, "min_rate" => { "value" => 1_000 },
        "keepalive_timeout" => { "value" => 15.0 },
        "max_connections" => { "value" => 50_000 }, "max_header_size" => { "value" => 16_384 },
        "log_level" => { "value" => "debug" },
        "access_log" => { "format" => "combined", "to" => "#{directory}/log/access.log" }
      )
    end

    it "turns the access log off with false" do
      expect(configuration_of("access_log false")["access_log"]).to be_nil
    end

    it "takes a string rewrite as the format of the access log" do
      expect(configuration_of('access_log "{method} {path}"')["access_log"]).to eq("format" => "{method} {path}")
    end

    it "takes several binds, over TCP, IPv6 and a socket file" do
      hash = configuration_of(<<~RUBY)
        bind "http://127.0.0.1:0"
        bind "http://[::1]:8080?backlog=4096"
        bind "unix:///run/proxy.sock", backlog: 16
      RUBY

      expect(hash["binds"])
        .to eq([{ "url" => "http://127.0.0.1:0" }, { "url" => "http://[::1]:8080", "backlog" => 4096 },
                { "url" => "unix:///run/proxy.sock", "backlog" => 16 }])
    end
  end

  describe "upstream" do
    it "takes the options of a pool, and a Symbol for its name" do
      hash = configuration_of(<<~RUBY)
        upstream :app,
                 backends: [{ address: "127.0.0.1:8000", weight: 3 }, "127.0.0.1:8001", { address: "127.0.0.1:8002", backup: true,
                              max_connections: 5, slow_start: 2 }],
                 strategy: { sticky: :backend, secret: "0123456789abcdef" }, keepalive: 32, max_fails: 3, fail_timeout: 10,
                 health_check: { path: "/healthz", method: :get, interval: 10, timeout: 5, status: [200, 300...400], rise: 2, fall: 3,
                                 body: /ok/i, headers: { "Host" => "a" }, port: 9000 }
        proxy to: "http://app{path}{query}"
      RUBY

      expect(hash["routes"]).to eq([{ "proxy" => { "to" => "http://app{path}{query}" } }])
      expect(hash["upstreams"]).to eq([{ "name" => "app", "pool" => {
        "backends" => [
          { "address" => "127.0.0.1:8000", "weight" => 3 }, { "address" => "127.0.0.1:8001" },
          { "address" => "127.0.0.1:8002", "backup" => true, "max_connections" => 5, "slow_start" => 2.0 }
        ],
        "backend_priority" => { "sticky" => { "cookie" => "backend", "secret" => "0123456789abcdef" } },
        "keepalive" => 32, "max_fails" => 3, "fail_timeout" => 10.0,
        "health_check" => {
          "path" => "/healthz", "method" => "GET", "interval" => 10.0, "timeout" => 5.0,
          "status" => [[200, 200], [300, 399]], "rise" => 2,
          "fall" => 3, "body" => { "pattern" => "(?mi)ok" }, "headers" => [%w[Host a]], "port" => 9000
        }
      } }])
    end

    it "may be written behind its use" do
      expect(problems_of(<<~RUBY)).to eq([])
        proxy to: "http://app{path}"
        upstream "app", backends: ["127.0.0.1:8000"], backend_priority: { hash: "{path}" }
      RUBY
    end
  end

  describe "proxy" do
    it "takes every way to choose a backend" do
      policies = [":round_robin", '"ordered"', ":random", ":least_conn", ":random_two", ":ip_hash",
                  '{ hash: "{path}" }', '{ sticky: "a" }']
      read = policies.map do |policy|
        options_of("proxy backends: ['a:1'], strategy: #{policy}").dig("pool", "backend_priority")
      end

      expect(read)
        .to eq(%w[round_robin ordered random least_conn random_two ip_hash].map { |name| { "named" => name } } +
                         [{ "hash" => "{path}" }, { "sticky" => { "cookie" => "a" } }])
    end

    it "takes one reason to retry, or several" do
      read = [":timeout", "[:timeout, 502, '503']"].map { |on|
        options_of("proxy backends: ['a:1'], retry_on: #{on}, " \
              "retry_budget: 12.5")
      }

      expect(read.map { |options| options.values_at("retry_on", "retry_budget") })
        .to eq([[["timeout"], 12.5], [%w[timeout 502 503], 12.5]])
    end

    it "takes backends as Strings and as Hashes" do
      expect(options_of('proxy backends: ["a:1", { address: "unix:/run/b.sock" }]').dig("pool", "backends"))
        .to eq([{ "address" => "a:1" }, { "address" => "unix:/run/b.sock" }])
    end

    it "takes `strategy` for `backend_priority`, and Symbols for names" do
      expect(options_of('proxy to: "http://a.example", strategy: :ordered')["pool"])
        .to eq("backend_priority" => { "named" => "ordered" })
    end

    it "takes header values of every kind" do
      options = options_of(<<~RUBY)
        proxy to: "http://a.example",
              headers: { "A" => "b", "C" => { rewrite: "{addr}" }, "D" => ["e", { rewrite: "{host}" }], "F" => nil, "G": "h" },
              response_headers: { "Server" => nil }
      RUBY

      expect(options["headers"]).to eq([
        { "name" => "A", "values" => [{ "literal" => "b" }] },
        { "name" => "C", "values" => [{ "rewrite" => "{addr}" }] },
        { "name" => "D", "values" => [{ "literal" => "e" }, { "rewrite" => "{host}" }] },
        { "name" => "F", "values" => [] }, { "name" => "G", "values" => [{ "literal" => "h" }] }
      ])
      expect(options["response_headers"]).to eq([{ "name" => "Server", "values" => [] }])
    end

    it "takes true, false and :rfc7239 for forwarded_headers" do
      read = %w[true false :rfc7239].map { |value|
        options_of("proxy to: \"http://a.example\", " \
                                                       "forwarded_headers: #{value}")
      }

      expect(read.map { |options| options["forwarded_headers"] }).to eq([true, false, "rfc7239"])
    end

    it "takes nil for an option that is unset by default" do
      options = options_of('proxy to: "http://a.example", backends: nil, ca_file: nil, path_prefix: nil, ' \
                           'error_response: nil')

      expect(options).to eq("to" => "http://a.example")
    end

    it "takes an error response of one's own, whose files stand beside the configuration" do
      write("public/503.html", "<p>Down</p>")
      options = options_of(<<~RUBY)
        proxy to: "http://a.example", error_response: {
          code: 503, plaintext: "Down", json: { inline: { message: "Down" } }, html: { file: "public/503.html" },
          default_format: :html, headers: { "Retry-After" => "120" }
        }
      RUBY

      expect(options["error_response"]).to eq(
        "custom" => { "status" => 503, "plaintext" => { "inline" => "Down" },
                      "json" => { "inline" => '{"message":"Down"}' },
                      "html" => { "file" => "#{directory}/public/503.html" }, "default" => "html",
                      "headers" => [["Retry-After", "120"]] }
      )
    end
  end

  it "takes the fields of a static response as a Hash or as pairs" do
    hash = options_of('static_response code: 201, headers: { "A" => ["b", "c"], "D" => "e" }, body: "f"')
    pairs = options_of('static_response code: 201, headers: [["A", "b"], ["A", "c"], ["D", "e"]], body: "f"')

    expect(hash).to eq("code" => 201, "headers" => [%w[A b], %w[A c], %w[D e]], "body" => "f")
    expect(pairs).to eq(hash)
  end

  it "takes patterns and conditions of every kind" do
    location = options_of(<<~RUBY)
      location "/a", /b/ix, methods: [:get, "POST"], hosts: "*.example.com", schemes: :https, ports: 8080,
               headers: { "X-A" => "1", "X-B": [/x/m, nil], "X-C" => true }, query: { v: "2" }, remote: ["10.0.0.0/8"] do
        static_response body: ""
      end
    RUBY
    regexp = ->(source, **flags) {
      { "regexp" => { "source" => source, "ignore_case" => false, "multiline" => false,
                      "extended" => false, **flags } }
    }

    expect(location.except("routes")).to eq(
      "patterns" => [{ "text" => "/a" }, regexp["b", "ignore_case" => true, "extended" => true]],
      "methods" => %w[get POST], "hosts" => [{ "text" => "*.example.com" }], "schemes" => ["https"], "ports" => [8080],
      "headers" => [{ "name" => "X-A", "values" => [{ "text" => "1" }] },
                    { "name" => "X-B", "values" => [regexp["x", "multiline" => true], { "present" => false }] },
                    { "name" => "X-C", "values" => [{ "present" => true }] }],
      "query" => [{ "name" => "v", "values" => [{ "text" => "2" }] }], "remote" => ["10.0.0.0/8"]
    )
  end

  it "takes `host` for a location with hosts" do
    expect(options_of('host("a.example", /b/, methods: "GET") { static_response body: "" }'))
      .to include("hosts" => [{ "text" => "a.example" }, { "regexp" => include("source" => "b") }],
                  "methods" => ["GET"], "word" => "host")
  end

  it "nests locations and keeps the order of the file" do
    hash = configuration_of(<<~RUBY)
      location "/a", ["/b/*"] do
        location "/b/c" do
          static_response body: "inner"
        end
        static_response body: "outer"
      end
      static_response body: "rest"
    RUBY
    inner = { "location" => { "patterns" => [{ "text" => "/a/b/c" }, { "text" => "/b/b/c" }],
                              "routes" => [{ "static_response" => { "body" => "inner" } }] } }

    expect(hash["routes"]).to eq([
      { "location" => { "patterns" => [{ "text" => "/a" }, { "text" => "/b/*" }],
                        "inner" => [{ "text" => "/a/b/c" }],
                        "routes" => [inner, { "static_response" => { "body" => "outer" } }] } },
      { "static_response" => { "body" => "rest" } }
    ])
  end
end
