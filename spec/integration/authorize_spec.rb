# frozen_string_literal: true

require "support/integration"

RSpec.describe "authorize" do
  let(:backend) { start_backend }

  # A proxy whose block is `rule`, and a list of what the block was asked.
  define_method(:start_ruled) do |key: { header: "Authorization" }, **options, &rule|
    to = backend.address
    start_proxy do
      location "/free" do
        static_response body: "free"
      end
      location "/users/:id" do
        authorize(key: key, **options, &rule)
        proxy backends: [to]
      end
      location "/*" do
        authorize(key: key, **options, &rule)
        proxy backends: [to]
      end
    end
  end

  def figures(proxy) = proxy.stats[:blocks].sum { |block| block[:answered] }

  describe "the answer" do
    it "lets a request pass, refuses it, or has a status of its own" do
      answers = { "true" => true, "object" => Object.new, "text" => "no", "false" => false, "nil" => nil,
                  "name" => :unauthorized, "status" => 418, "unavailable" => 503 }
      proxy = start_ruled { |request| answers.fetch(request.headers["authorization"]) }

      statuses = answers.keys.to_h { |name| [name, proxy.get("/", "Authorization" => name).status] }
      expect(statuses).to eq("true" => 200, "object" => 200, "text" => 200, "false" => 403, "nil" => 403,
                             "name" => 401, "status" => 418, "unavailable" => 503)
    end

    it "sets headers of the request, in place of the client's under these names" do
      proxy = start_ruled(copy_headers: %w[X-User X-Groups X-Old]) do |request|
        request.headers["Authorization"] == "ann" && { "X-User": "ann", "x-groups" => %w[staff admin], "X-Old" => nil,
                                                       "X-Number" => 7 }
      end
      forged = { "Authorization" => "ann", "X-User" => %w[root root], "X-GROUPS" => "root", "X-Old" => "1",
                 "x-number" => "8" }

      expect(proxy.get("/", forged).status).to eq(200)
      request = backend.request
      expect(%w[X-User X-Groups X-Old X-Number].map { |name| request.all(name) })
        .to eq([["ann"], %w[staff admin], [], ["7"]])
    end

    it "removes the client's headers of these names if it sets none, and those that the block has ever set" do
      proxy = start_ruled(copy_headers: ["X-User"]) { |request| request.path != "/set" || { "X-More" => "yes" } }
      forged = { "X-User" => "root", "X-More" => "root" }

      expect(proxy.get("/a", forged.merge("Authorization" => "1")).status).to eq(200)
      first = backend.request
      expect([first.all("X-User"), first.all("X-More")]).to eq([[], ["root"]])
      expect(proxy.get("/set", "Authorization" => "2").status).to eq(200)
      expect(backend.requests.last.all("X-More")).to eq(["yes"])
      expect(proxy.get("/a", forged.merge("Authorization" => "1")).status).to eq(200)
      last = backend.requests.last
      expect([last.all("X-User"), last.all("X-More")]).to eq([[], []])
    end

    it "is refused if it is no answer: the request gets 503, and the log has a line" do
      wrong = { "status" => 200, "big" => 2**70, "name" => :teapot, "framing" => { "Content-Length" => "1" },
                "host" => { "Host" => "a" }, "line" => { "X-User" => "a\r\nX-Admin: 1" },
                "token" => { "X User" => "a" }, "bytes" => { "X-User" => "\xff".b }, "raised" => nil }
      proxy = start_proxy_process(<<~RUBY)
        answers = #{wrong.except("line", "bytes").inspect}
        answers["line"] = { "X-User" => "a\\r\\nX-Admin: 1" }
        answers["bytes"] = { "X-User" => "\\xff".b }
        authorize key: { header: "Authorization" } do |request|
          name = request.headers["Authorization"]
          raise "no \#{name}" if name == "raised"

          answers.fetch(name)
        end
        static_response body: "passed"
      RUBY
      expect(wrong.keys.to_h { |name| [name, proxy.get("/", "Authorization" => name).status] })
        .to eq(wrong.transform_values { 503 })
      log = proxy.process.await_output(/raised RuntimeError: no raised \(.*Proxyfile:7\)/).pre_match
      expect(log).to include("Proxyfile:5: authorize: answered 200, which is no status of an error: answer true, " \
                             "false, or a status from 400 to 599",
                             'Proxyfile:5: authorize: answered wrongly: "teapot" is not a built-in error response',
                             '"Content-Length" is set by the proxy itself', '"Host" is set by the proxy itself',
                             'the value of "X-User" holds a control character',
                             '"X User" is not a valid header name', 'the value of "X-User" is not valid UTF-8')
    end

    it "may be one of the configuration's own" do
      proxy = start_ruled(error_response: { status: 402, plaintext: "pay" }) { false }

      expect(proxy.get("/", "Authorization" => "x")).to have_attributes(status: 402, body: "pay")
    end
  end

  describe "the request" do
    it "is shown as locations see it, frozen" do
      seen = nil
      proxy = start_ruled(key: "{method}{path}{query}{host}{addr}{scheme}{id}{auth_user}{cookie.a}") do |request|
        seen = [request.method, request.scheme, request.host, request.path, request.query, request.addr, request.user,
                request.captures[:id], request.captures["none"], request.cookies["a"], request.cookies["b"],
                request.headers["x-TWICE"], request.headers["X-None"], request.headers["Cookie"]]
        [request, *seen.compact].all?(&:frozen?)
      end
      response = proxy.post("/x/../users//%6b%C3%BC?page=2", "body", "Host" => "App.Example.:8080",
                                                                  "X-Twice" => %w[1 2],
                                                                  "Cookie" => ['a="1"', "b=1; b=2"])

      expect(response.status).to eq(200)
      expect(seen).to eq(["POST", "http", "app.example", "/users/kü", "page=2", "127.0.0.1", nil, "kü", nil, "1", nil,
                          "1, 2", nil, "a=\"1\"; b=1; b=2"])
    end

    it "has cookies as the key does, without quotes that stand on both sides" do
      asked = []
      proxy = start_ruled(key: { cookie: "a" }) { |request| asked << request.cookies["a"] }
      ['"b"', '"b', 'b"', '"', '""'].each { |value| proxy.get("/", "Cookie" => "a=#{value}") }

      expect(asked).to eq(["b", '"b', 'b"', '"', ""])
    end

    it "has the user that a filter before has found" do
      seen = nil
      to = backend.address
      proxy = start_proxy do
        auth_basic credentials: { "ann" => "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" }
        authorize(key: "{auth_user}") { |request| seen = request.user }
        proxy backends: [to]
      end

      expect(proxy.get("/", "Authorization" => "Basic #{["ann:secret"].pack("m0")}").status).to eq(200)
      expect(seen).to eq("ann")
    end

    it "may hold bytes that are no text" do
      seen = nil
      proxy = start_ruled { |request| seen = request.headers["Authorization"] }

      expect(proxy.get("/", "Authorization" => "\xE9".b).status).to eq(200)
      expect(seen).to eq("\xE9".b)
    end
  end

  describe "the key" do
    # How often the block runs for these requests.
    def calls(key, *requests)
      calls = 0
      proxy = start_ruled(key: key) { (calls += 1).positive? }
      requests.each { |headers| expect(proxy.get("/", headers).status).to eq(200) }
      calls
    end

    it "shares the answer between requests that are equal in it" do
      same = { "Cookie" => "other=1; session=x" }
      expect(calls({ cookie: "session" }, same, { "Cookie" => ["a=b", "session=x"] }, same)).to eq(1)
    end

    it "tells an absent header from an empty one" do
      expect(calls({ header: "X-Key" }, {}, { "X-Key" => "" }, {}, { "X-Key" => "" })).to eq(2)
      expect(calls("{X-Key}", {}, { "X-Key" => "" }, {})).to eq(2)
      expect(calls("{cookie.a}", {}, { "Cookie" => "a=" }, {})).to eq(2)
    end

    it "has parts that never run together" do
      one, other = { "X-A" => "ab", "X-B" => "c" }, { "X-A" => "a", "X-B" => "bc" }
      expect(calls("{X-A}{X-B}", one, other)).to eq(2)
      expect(calls([{ header: "X-A" }, { header: "X-B" }], one, other, { "X-A" => "ab" }, { "X-B" => "ab" })).to eq(4)
      expect(calls("{cookie.a}{cookie.b}", { "Cookie" => "a=12" }, { "Cookie" => "a=1; a=2" }, { "Cookie" => "b=12" }))
        .to eq(3)
    end

    it "does not take a header for a capture of its name" do
      asked = []
      proxy = start_ruled(key: "{id}") { |request| asked << request.captures[:id] }
      %w[1 2].each { |id| expect(proxy.get("/users/#{id}", "Id" => "1").status).to eq(200) }

      expect(asked).to eq(%w[1 2])
    end

    it "tells hosts apart that only the target of HTTP/1.0 names" do
      asked = []
      proxy = start_ruled(key: { header: "Host" }) { |request| (asked << request.host).last == "good" }
      statuses = %w[good evil].map do |host|
        client = proxy.connect
        client.write("GET http://#{host}/ HTTP/1.0\r\n\r\n")
        client.read_response.status
      end

      expect([statuses, asked]).to eq([[200, 403], %w[good evil]])
    end

    it "does not take the normalized host for the header" do
      proxy = start_proxy_process(<<~RUBY)
        authorize(key: "{host}") { |request| request.headers["Host"] == "good:80" }
        static_response body: "passed"
      RUBY
      proxy.get("/", "Host" => "good:80")

      proxy.process.await_output(/reads request\.headers\["Host"\], which is not in its key.*\{ header: "Host" \}\]/)
    end

    it "is refused with 400 if it is ambiguous" do
      proxy = start_ruled { raise "never asked" }
      expect(proxy.get("/", "Authorization" => %w[a a]).status).to eq(400)
      proxy = start_ruled(key: { cookie: "session" }) { raise "never asked" }
      expect(proxy.get("/", "Cookie" => ["session=a", "b=1; session=b"]).status).to eq(400)
    end

    it "warns once of what the block reads beside it" do
      proxy = start_proxy_process(<<~RUBY)
        authorize key: [{ cookie: "a" }, "{host}{X-A}"] do |request|
          request.cookies["a"] && request.host && request.headers["x-a"]
          request.cookies["b"]
          request.path
          request.headers["X-End"] if request.cookies["a"] == "end"
          true
        end
        static_response body: "passed"
      RUBY
      3.times { |n| expect(proxy.get("/#{n}", "Cookie" => "a=#{n}; b=#{n}", "X-A" => "1").status).to eq(200) }
      proxy.get("/end", "Cookie" => "a=end", "X-End" => "1")
      lines = proxy.process.await_output(/request\.headers\["X-End"\]/).pre_match.lines.grep(/not in its key/)
      told = [['cookies["b"]', '{ cookie: "b" }'], ["path", '"{path}"']].map do |read, part|
        "Proxyfile:2: authorize: the block reads request.#{read}, which is not in its key, and requests with one key " \
          "share its answer: write key: [{ cookie: \"a\" }, \"{host}{X-A}\", #{part}]"
      end
      expect(lines.map { |line| line[/Proxyfile.*/] }.first(2)).to eq(told)
    end
  end

  describe "an answer that is known" do
    it "holds for `ttl` or `negative_ttl`" do
      asked = Hash.new(0)
      proxy = start_ruled(ttl: 60, negative_ttl: 0) do |request|
        name = request.headers["Authorization"]
        asked[name] += 1
        name == "good"
      end
      3.times { expect(%w[good bad].map { |name| proxy.get("/", "Authorization" => name).status }).to eq([200, 403]) }

      expect(asked).to eq("good" => 1, "bad" => 3)
    end

    it "is asked for once by all that need it at the same time" do
      gate = Queue.new
      proxy = start_ruled(timeout: 20, threads: 5) { gate.pop }
      waiting = Array.new(20) { in_background { proxy.get("/", "Authorization" => "x").status } }
      eventually(limit: 10) { expect(proxy.stats[:requests][:in_flight]).to eq(20) }
      gate.push(true)

      expect(waiting.map(&:value)).to eq([200] * 20)
      expect(figures(proxy)).to eq(1)
    end

    it "begins anew at a reload" do
      proxy = start_ruled { true }
      expect(proxy.get("/", "Authorization" => "x").status).to eq(200)
      proxy.server.reload do
        bind "http://127.0.0.1:0"
        authorize(key: { header: "Authorization" }) { false }
        static_response body: "never"
      end
      expect(proxy.get("/", "Authorization" => "x").status).to eq(403)
    end
  end

  describe "a block that is late" do
    it "lets its request be answered with 503, and still has its answer used" do
      gate = Queue.new
      proxy = start_ruled(timeout: 0.05) { gate.pop }
      expect(proxy.get("/", "Authorization" => "x").status).to eq(503)
      gate.push(true)
      eventually(limit: 10) { expect(figures(proxy)).to eq(1) }

      expect(proxy.get("/", "Authorization" => "x").status).to eq(200)
      expect(proxy.stats[:blocks].sum { |block| block[:late] }).to eq(1)
      expect(figures(proxy)).to eq(1)
    end

    it "fills its own queue alone: other requests are answered at once" do
      gate = Queue.new
      proxy = start_ruled(timeout: 20, threads: 1, queue: 2) { gate.pop }
      waiting = Array.new(3) { |n| in_background { proxy.get("/", "Authorization" => n.to_s).status } }
      eventually(limit: 10) do
        expect(proxy.stats[:blocks].sum { |block| block[:running] + block[:waiting] }).to eq(3)
      end

      expect(proxy.get("/", "Authorization" => "full").status).to eq(503)
      expect(proxy.get("/free").body).to eq("free")
      expect(proxy.stats[:blocks].sum { |block| block[:full] }).to eq(1)
      3.times { gate.push(true) }
      expect(waiting.map(&:value)).to eq([200] * 3)
    end

    it "lets its requests pass if `on_error` is :allow" do
      proxy = start_ruled(on_error: :allow, copy_headers: ["X-User"]) { raise "no" }

      expect(proxy.get("/", "Authorization" => "x", "X-User" => "root").status).to eq(200)
      expect(backend.request["X-User"]).to be_nil
    end
  end

  it "answers a client that leaves by forgetting it" do
    gate = Queue.new
    proxy = start_ruled(timeout: 20) { gate.pop }
    client = proxy.connect
    client.send_request("GET", "/", "Authorization" => "x")
    eventually(limit: 10) { expect(proxy.stats[:blocks].sum { |block| block[:running] }).to eq(1) }
    client.reset
    eventually(limit: 10) { expect(proxy.stats[:requests][:in_flight]).to eq(0) }
    gate.push(true)
  end
end
