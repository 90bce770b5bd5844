# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "proxy routes" do
  include Proxyfiles

  before do
    write("Proxyfile", <<~RUBY)
      request_headers additions: { "X-Env" => "production" }, removals: ["Cookie", "X-Debug"]
      location "/users/:id([0-9]+)", methods: %w[GET HEAD], hosts: ["api.example.com"] do
        proxy to: "http://users.internal/v2/{id}{query}", backends: ["127.0.0.1:1", { address: "127.0.0.1:2", weight: 3 }], strategy: :random
      end
      host "*.example.com" do
        location "/admin/*", remote: ["10.0.0.0/8"] do
          response_headers additions: { "X-A" => "1" }
          proxy backends: ["unix:/run/app.sock"], path_prefix: "/admin/api", strip_prefix: true
          proxy to: "https://admin.internal:8443{path}"
        end
        location(%r{\\A/admin/}i) { static_response code: 403, body: "" }
      end
      location headers: { "Upgrade" => /websocket/i, "X-Off" => nil }, query: { "v" => ["2", true] } do
        proxy to: "http://{host}{path}", backends: ["127.0.0.1:3"]
      end
      static_response code: 404, body: ""
    RUBY
  end

  # The output, without what the backend gets.
  def told(*arguments) = output(*arguments).sub(/^\nthe backend gets:\n.*\z/m, "")

  # What the backend gets, line by line, without what is another each time.
  def sent(*arguments)
    output(*arguments)[/^the backend gets:\n(.*)\z/m, 1]&.sub(/(X-Request-Id: )\h{32}$/,
                                                              '\1ID')&.sub(/t=\d{13}$/, "t=TIME")&.gsub(/^ {6}/, "")
  end

  def output(*arguments)
    out, err, status = run_command("routes", *arguments)
    expect([err, status]).to eq(["", 0])
    out
  end

  it "shows where a block lists the backends, without calling it" do
    write("Proxyfile", <<~RUBY)
      upstream "app", backends: -> { raise "called" }, strategy: :least_conn
      location("/own/*") { proxy backends: -> { raise "called" } }
      proxy to: "http://app"
    RUBY

    expect(output("http://a/")).to include("upstream app: from a block (Proxyfile:1) (least_conn)")
    expect(output("http://a/own/a")).to include("backends: from a block (Proxyfile:2)")
  end

  it "shows where a split sends the request, and no secret" do
    write("Proxyfile", <<~RUBY)
      upstream "v2", backends: ["127.0.0.1:1"]
      upstream "shadow", backends: ["127.0.0.1:2"]
      split by: { header: "X-Account" }, allow: ["ann"], secret: "0123456789abcdef", "v2" => 0
      mirror "shadow", percent: 5
      maintenance if_file: "off.txt", bypass_cookie: "preview=fedcba9876543210"
      proxy backends: ["127.0.0.1:3"]
    RUBY

    lines = output("http://a/", "-H", "X-Account: ann").lines(chomp: true).map(&:strip)
    expect(lines.grep(/split v2 0 %/).length).to eq(1)
    expect(lines).to include("sends this request to v2", /\A\d?\s*mirror shadow, percent: 5\z/)
    expect(output("http://a/", "-H", "X-Account: bob")).to include("lets this request go on")
    expect(output("http://a/")).not_to match(/0123456789abcdef|fedcba|sends this|go on/)
    write("off.txt", "")
    expect(output("http://a/")).to include("answers this request: 503")
  end

  {
    %w[CONNECT] => "405, for CONNECT is never forwarded",
    ["OPTIONS", "max-forwards: 00"] => "200, for Max-Forwards is 0",
    ["TRACE", "Max-Forwards: 0"] => "405, for Max-Forwards is 0"
  }.each do |(method, field), answer|
    it "says what the proxy answers by itself to #{[method, *field].join(" with ")}" do
      write("Proxyfile", "proxy backends: ['127.0.0.1:1']\n")

      expect(output(method, "http://a/", *(["-H", field] if field))).to end_with("answer:\n   1  proxy /\n        " \
        "answered by the proxy: #{answer}\n")
    end
  end

  it "says what the backend gets of others that may go no further" do
    write("Proxyfile", "proxy backends: ['127.0.0.1:1']\n")
    [%w[GET 0], %w[OPTIONS 1], ["OPTIONS", ""]].each do |method, left|
      expect(sent(method, "http://a/", "-H", "Max-Forwards: #{left}")).to start_with("#{method} / HTTP/1.1\n")
    end
  end

  it "prints everything by line, in the order in which it is tried" do
    expect(told).to eq(<<~'TEXT')
      Proxyfile, by line:

         1  request_headers additions: X-Env, removals: Cookie X-Debug
         2  location "/users/:id([0-9]+)"
              hosts: "api.example.com"
              methods: GET, HEAD
         3    proxy http://users.internal/v2/{id}{query}
                backends: 127.0.0.1:1, 127.0.0.1:2 weight 3 (random)
         5  host "*.example.com"
         6    location "/admin/*"
                remote: 10.0.0.0/8
         7      response_headers additions: X-A
         8      proxy under /admin/api, which is taken off
                  backends: unix:/run/app.sock
         9      proxy https://admin.internal:8443{path}
                  backends: the addresses of admin.internal
        11    location %r{\A/admin/}i
        11      static_response 403
        13  location
              headers: Upgrade => /websocket/i, X-Off => nil
              query: v => "2" or true
        14    proxy http://{host}{path}
                backends: 127.0.0.1:3
        16  static_response 404
    TEXT
  end

  it "says which location, filters and handler a request gets, and what is captured" do
    expect(told("get", "http://API.example.com/users/%37/?q=1")).to eq(<<~'TEXT')
      GET http://API.example.com/users/%37/?q=1
        is matched as /users/7/ on api.example.com, from 127.0.0.1

      locations, in the order in which they are tried:
         2  yes  location "/users/:id([0-9]+)"

      captures:
            id = "7"

      filters, in the order in which they run:
         1  request_headers additions: X-Env, removals: Cookie X-Debug

      answer:
         3  proxy http://users.internal/v2/7?q=1
              backends: 127.0.0.1:1, 127.0.0.1:2 weight 3 (random)
    TEXT
  end

  it "says why other locations and handlers do not take it" do
    expect(told("POST", "http://a.example.com/admin/x", "--remote", "10.1.2.3").lines[3..].join).to eq(<<~'TEXT')
      locations, in the order in which they are tried:
         2  no   location "/users/:id([0-9]+)"
                 path: the request has "/admin/x"
                 hosts: "api.example.com"; the request has "a.example.com"
                 methods: GET, HEAD; the request has "POST"
         5  yes  host "*.example.com"
         6  yes    location "/admin/*"

      filters, in the order in which they run:
         1  request_headers additions: X-Env, removals: Cookie X-Debug
         7  response_headers additions: X-A

      answer:
         8  proxy under /admin/api, which is taken off
              does not take this path
         9  proxy https://admin.internal:8443/admin/x
              backends: the addresses of admin.internal
    TEXT
  end

  it "takes the fields of the request" do
    out = told("http://b/?v=1", "-H", "Upgrade: WebSocket", "-H", "X-Off: 1")

    expect(out).to include("headers X-Off: nil; the request has \"1\"\n")
      .and(end_with("answer:\n  16  static_response 404\n"))
    expect(out).not_to include("headers Upgrade")
    expect(told("http://b/?v=1", "--header=Upgrade:websocket")).to end_with("  14  proxy http://b/\n        " \
      "backends: 127.0.0.1:3\n")
  end

  it "says what the backend gets, field by field" do
    fields = ["-H", "Cookie: a=b", "-H", "X-Own: 1", "-H", "Connection: X-Own", "-H", "X_Real_IP: 1", "-H",
              "User-Agent: test"]

    expect(sent("http://api.example.com/users/7?q=1", *fields, "--remote", "203.0.113.9")).to eq(<<~TEXT)
      GET /v2/7?q=1 HTTP/1.1
      Host: users.internal
      User-Agent: test
      X-Env: production
      X-Forwarded-For: 203.0.113.9
      X-Real-IP: 203.0.113.9
      X-Forwarded-Proto: http
      X-Forwarded-Port: 80
      X-Forwarded-Host: api.example.com
      X-Request-Id: ID
      X-Request-Start: t=TIME
      Via: 1.1 proxy
      (not passed on: Cookie, X-Own, Connection, X_Real_IP)
    TEXT
  end

  context "behind a trusted proxy" do
    before {
      write("Proxyfile", "trusted_proxies '10.0.0.0/8'\nproxy backends: ['127.0.0.1:3000', '127.0.0.1:3001'], " \
                                "preserve_host: true, keepalive: 0\n")
    }

    fields = ["-H", "X-Forwarded-For: 198.51.100.7", "-H", "X-Forwarded-Proto: https", "-H", "X-Request-Id: theirs"]

    it "says what the backend gets of what that says" do
      out = sent("http://app.example.com:8080/", *fields, "--remote", "10.0.0.1")

      expect(out.lines.map(&:chomp))
        .to include("Host: app.example.com:8080", "X-Forwarded-For: 198.51.100.7, 10.0.0.1", "X-Real-IP: 198.51.100.7",
                    "X-Forwarded-Proto: https", "X-Request-Id: theirs", "Connection: close")
      expect(told("http://a/", *fields, "--remote", "10.0.0.1")).to include(", from 198.51.100.7, by the trusted " \
        "proxy 10.0.0.1\n")
      expect(told("http://a/", "--remote", "10.0.0.1")).to include(", from 10.0.0.1, a trusted proxy\n")
    end

    it "believes nobody else, whatever the bind" do
      plain = sent("http://app.example.com:8080/", *fields, "--remote", "203.0.113.9").lines.map(&:chomp)
      tls = sent("https://app.example.com/", *fields, "--remote", "203.0.113.9").lines.map(&:chomp)

      expect(plain)
        .to include("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http", "X-Forwarded-Port: 8080",
                    "X-Forwarded-Host: app.example.com:8080")
      expect(tls).to include("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443",
                             "X-Forwarded-Host: app.example.com")
    end
  end

  it "says what the backend gets without the secrets of the configuration" do
    write("Proxyfile", <<~RUBY)
      auth_jwt secret: "0123456789abcdef0123456789abcdef", algorithms: ["HS256"]
      proxy backends: ["h:3000"], headers: { "Authorization" => "Bearer of-mine", "X-Token" => { rewrite: "{addr}" },
                                             "X-Auth" => "of-mine", "X-Hub-Signature" => "of-mine" }, forwarded_headers: false
    RUBY
    expect(sent("http://a/", "-H", "Cookie: a=1", "-H", "X-Token: 2")).to eq(<<~TEXT)
      GET / HTTP/1.1
      Host: h:3000
      Cookie: a=1
      X-Token: …
      Via: 1.1 proxy
      Authorization: …
      X-Auth: …
      X-Hub-Signature: …
      (as it is before auth_jwt)
    TEXT
  end

  it "says what is refused, and why" do
    expect(told("http://a/x/../..")).to end_with("answer:\n      400, before any filter or handler is asked: the " \
                                                 "path climbs above the root\n")
    expect(told("http://a.example.com/admin%2Fx")).to include("      400, before any filter or handler is asked: %2F " \
                                                              "in the path is read in two ways")
  end

  it "tells what filters do, but no secrets, and that it does not know what `rewrite` makes of a path" do
    write("Proxyfile", <<~RUBY)
      allow_list "10.0.0.0/8", "192.0.2.7"
      rate_limit requests: 10, seconds: 60, key: { header: "X-Secret" }
      location("/old/*") { redirect to: "https://new.example{path}" }
      rewrite path: "/v2{path}"
      max_body 1024
      cors origins: "*", max_age: 0.5
      static_response body: ""
    RUBY
    expect(told).to eq(<<~TEXT)
      Proxyfile, by line:

        1  allow_list 10.0.0.0/8 192.0.2.7
        2  rate_limit requests: 10, seconds: 60, key: …
        4  rewrite path: /v2{path}
        5  max_body 1024
        6  cors origins: …, max_age: 0.5
        3  location "/old/*"
        3    redirect to: https://new.example{path}
        7  static_response 200
    TEXT
    expect(told("http://a/")).to include("\n      What follows is for the path as it is before `rewrite` changes it.\n")
  end

  it "tells which cache a location uses" do
    write("Proxyfile", <<~RUBY)
      cache "pages", memory: 10_000_000
      location("/blog/*") do
        cache "pages", stale_if_error: 60
        proxy backends: ["127.0.0.1:1"]
      end
    RUBY
    expect(told).to include("    cache pages, stale_if_error: 60\n")
  end

  it "says when no handler takes a request" do
    write("Proxyfile", "location('/a') { static_response body: '' }\n")
    expect(told("http://a/")).to end_with("answer:\n      404, for no handler takes the request\n")
  end

  it "only counts what is for something else altogether, when there is much of it" do
    write("Proxyfile", "40.times { |n| location(\"/\#{n}\", hosts: \"h\#{n}\") { static_response body: '' } }\n")
    out = told("http://h7/")

    expect(out).to include("      … and 39 others, with another path and another host\n")
      .and(include("   1  no   location \"/7\"\n"))
    expect(out.lines.length).to be < 12
  end

  {
    %w[ftp://a/] => '"ftp://a/" is not a URL that can be asked for: write one such as ' \
                    'http://localhost:8080/users?page=2',
    %w[/users] => '"/users" is not a URL that can be asked for: write one such as http://localhost:8080/users?page=2',
    %w[http://u:p@a/] => "\"http://u:p@a/\" names a user: write -H 'Authorization: …'",
    ["G T", "http://a/"] => '"G T" is not a valid method: write one such as GET',
    %w[http://a/ -H nothing] => "\"nothing\" is not a valid header: write one such as -H 'X-Beta: 1'",
    %w[http://a/ --remote here] => '"here" is not a valid address: write one such as "192.0.2.7" or "2001:db8::7"',
    %w[--remote 10.0.0.1] => "--remote belongs to a URL: write one, such as http://localhost/",
    %w[GET http://a/ more] => 'unexpected argument "more"'
  }.each do |arguments, message|
    it "exits with 64 for `proxy routes #{arguments.join(" ")}`" do
      out, err, status = run_command("routes", *arguments)
      expect([out, err.lines.first, status]).to eq(["", "proxy routes: #{message}\n", 64])
    end
  end

  it "prints what is wrong with the configuration as `proxy check` does" do
    write("Proxyfile", "location('a') { static_response body: '' }\n")

    [[], ["http://a/"]].each do |arguments|
      expect(run_command("routes", *arguments))
        .to eq(["", "Proxyfile:1: location: \"a\" is not a valid path: begin it with a slash, as in \"/a\"\n" \
                    "Proxyfile has 1 error.\n", 1])
    end
  end
end
