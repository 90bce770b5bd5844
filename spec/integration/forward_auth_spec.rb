# frozen_string_literal: true

require "support/integration"

RSpec.describe "forward_auth" do
  let(:backend) { start_backend }

  # A proxy that asks `server`.
  define_method(:start_protected) do |server, path: "/verify", **options|
    to = backend.address
    start_proxy do
      forward_auth to: "http://#{server.address}#{path}", **options
      proxy backends: [to]
    end
  end

  # A server that answers each request with what the block makes of it: a status line, fields and a body.
  def judge(&verdict)
    start_backend do |connection|
      while (request = connection.read_request)
        status, headers, body = verdict.call(request)
        connection.answer(body || "", headers || {}, status: status)
      end
    end
  end

  it "lets those pass to whom the server says yes, and tells the backend what it says" do
    server = judge { ["200 OK", { "X-User" => "ann", "X-Groups" => "staff", "X-More" => "no" }, "welcome"] }
    proxy = start_protected(server, copy_headers: %w[X-User X-Groups X-Missing])
    forged = { "X-User" => %w[root root], "x-missing" => "root", "X_User" => "root",
               "Connection" => "X-User, X-Groups, close" }

    expect(proxy.get("/", forged)).to have_attributes(status: 200, body: "ok")
    request = backend.request
    expect([request.all("X-User"), request.all("X-Groups"), request["X-Missing"], request["X-More"]])
      .to eq([["ann"], ["staff"], nil, nil])
    expect(request.names).not_to include("x_user")
  end

  it "asks with a GET, the client's fields and what the client wants, without the body" do
    server = judge { ["204 No Content", { "Content-Length" => nil }.compact] }
    proxy = start_protected(server, path: "/verify?from=proxy")
    headers = { "Cookie" => "session=1", "Authorization" => "Bearer x", "Content-Type" => "text/plain",
                "If-None-Match" => '"a"', "Range" => "bytes=0-1",
                "X-Forwarded-Method" => "GET", "X-Forwarded-Uri" => ["/public", "/public"],
                "X-Forwarded-For" => "10.0.0.1", "X-Real-IP" => "10.0.0.1",
                "X-Forwarded-Host" => "forged", "X-Forwarded-Proto" => "https", "X_Forwarded_Uri" => "/public",
                "Upgrade" => "websocket",
                "Connection" => "upgrade, X-Forwarded-Uri" }
    expect(proxy.post("/private/../a?b=%20c", "hello", headers).status).to eq(200)

    question = server.request
    expect(question.start_line).to eq("GET /verify?from=proxy HTTP/1.1")
    expect(%w[Host Cookie Authorization].map { |name| question[name] }).to eq([server.address, "session=1", "Bearer x"])
    expect(%w[Method Uri For Host Proto].map { |name| question.all("X-Forwarded-#{name}") })
      .to eq([["POST"], ["/a?b=%20c"], ["127.0.0.1"], ["example.test"], ["http"]])
    expect(question["X-Real-IP"]).to eq("127.0.0.1")
    expect(question.names & %w[content-length content-type if-none-match range upgrade connection transfer-encoding
                               expect x_forwarded_uri]).to eq([])
    expect(question.body).to eq("")
    expect(backend.request).to have_attributes(start_line: "POST /a?b=%20c HTTP/1.1", body: "hello")
  end

  it "gives the client the server's answer, if that is anything else than a yes" do
    fields = { "Location" => "http://login.example/?back=1", "Set-Cookie" => "state=1", "WWW-Authenticate" => "Basic",
               "Content-Type" => "text/html",
               "Connection" => "X-Hop", "X-Hop" => "1", "Date" => "Thu, 01 Jan 1970 00:00:00 GMT" }
    ["302 Found", "401 Unauthorized", "403 Forbidden", "304 Not Modified", "418 Teapot", "500 Oops", "503 Busy"]
      .each do |status|
      body = status.start_with?("304") ? "" : "<p>no</p>"
      server = judge { [status, fields, body] }
      answer = start_protected(server).get

      expect(answer).to have_attributes(status: status.to_i, body: body)
      expect(%w[Location Set-Cookie WWW-Authenticate Content-Type X-Hop].map { |name| answer[name] })
        .to eq([fields["Location"], "state=1", "Basic", "text/html", nil])
      expect(answer.all("Date").length).to eq(1)
      expect(answer["Date"]).not_to eq(fields["Date"])
    end
    expect(backend.connections).to eq(0)
  end

  it "answers HEAD without the body of the server's answer" do
    client = start_protected(judge { ["403 Forbidden", {}, "no entry"] }).connect
    answers = [client.request("HEAD", "/"), client.get("/")]

    expect(answers.map { |answer| [answer.status, answer["Content-Length"], answer.body] })
      .to eq([[403, "8", ""], [403, "8", "no entry"]])
  end

  it "passes on an answer in chunks as one with a length" do
    server = start_backend do |connection|
      while connection.read_request
        connection.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" \
                         "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno \r\n5\r\nentry\r\n0\r\n" \
                         "X-Trailer: 1\r\n\r\n")
      end
    end

    expect(start_protected(server).get)
      .to have_attributes(status: 403, body: "no entry", to_s: include("Content-Length: 8\r\n"))
  end

  it "asks for each request, over a connection that it keeps" do
    allowed = %w[/1 /3]
    server = judge do |request|
      allowed.include?(request["X-Forwarded-Uri"]) ? ["200 OK", {}, "yes"] : ["403 Forbidden", {}, "no"]
    end
    client = start_protected(server).connect
    client.write(%w[/1 /2 /3 /4].map { |target| "GET #{target} HTTP/1.1\r\nHost: a\r\n\r\n" }.join)

    expect(Array.new(4) { client.read_response.status }).to eq([200, 403, 200, 403])
    expect(server.connections).to eq(1)
    expect(backend.requests.map(&:target)).to eq(allowed)
  end

  it "asks again where a kept connection turns out to be dead" do
    server = start_backend { |connection| connection.read_request && connection.answer("", {}, status: "200 OK") }
    client = start_protected(server).connect

    expect(Array.new(3) { client.get.status }).to eq([200, 200, 200])
    expect(server.connections).to eq(3)
  end

  it "asks for every method, and reads no body before it is told to" do
    proxy = start_protected(judge { ["401 Unauthorized"] })
    expect(%w[HEAD OPTIONS POST DELETE].map { |method| proxy.request(method, "/").status }.uniq).to eq([401])

    client = proxy.connect
    client.send_request("POST", "/", "Content-Length" => 10_000_000, "Expect" => "100-continue")
    expect(client.read_response.status).to eq(401)
    expect(client).to be_closed
    expect(backend.connections).to eq(0)
  end

  it "lets a body through that was waited with" do
    client = start_protected(judge { ["200 OK"] }).connect
    body = "x" * 300_000
    expect(client.request("POST", "/", {}, body).status).to eq(200)
    expect(backend.request.body).to eq(body)
  end

  it "answers 502 where nobody can be asked, and one's own response if there is one" do
    server = refusing_backend
    own = { status: 503, plaintext: "nobody home" }

    expect(start_protected(server).get.status).to eq(502)
    expect(start_protected(server, error_response: own).get).to have_attributes(status: 503, body: "nobody home")
    expect(backend.connections).to eq(0)
  end

  it "answers 504 where the server takes too long, and one's own response if there is one" do
    server = start_backend { |connection| connection.read_request && connection.read_to_end }

    expect(start_protected(server, timeout: 0.2).get.status).to eq(504)
    expect(start_protected(server, timeout: 0.2, error_response: :service_unavailable).get.status).to eq(504)
    expect(start_protected(server, timeout: 0.2, error_response: { status: 503 }).get.status).to eq(503)
    expect(backend.connections).to eq(0)
  end

  {
    "is no HTTP" => "hello\r\n\r\n",
    "ends too early" => "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno",
    "switches protocols" => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "has two lengths" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "is longer than 64 KiB" => "HTTP/1.1 403 Forbidden\r\nContent-Length: 70000\r\n\r\n#{"x" * 70_000}"
  }.each do |what, answer|
    it "answers 502 where the answer #{what}" do
      server = start_backend { |connection| connection.read_request && connection.write(answer) }
      refused = start_protected(server).get

      # Whether it may be read at all is known when its head is: one that says yes and is framed wrongly is not taken
      # for a yes.
      expect(refused.status).to eq(502)
      expect(backend.connections).to eq(0)
    end
  end

  it "takes what stands in the URL from the request" do
    server = judge { ["200 OK"] }
    start_protected(server, path: "/verify/{method}?host={host}").get

    expect(server.request.target).to eq("/verify/GET?host=example.test")
  end

  it "asks the backends of an upstream that its URL names, one after the other" do
    dead = refusing_backend
    server = judge { ["200 OK", { "X-User" => "ann" }] }
    to = backend.address
    proxy = start_proxy do
      upstream "judges", backends: [dead.address, server.address], backend_priority: :ordered
      forward_auth to: "http://judges/verify", copy_headers: ["X-User"]
      proxy backends: [to]
    end

    expect(proxy.get.status).to eq(200)
    expect(server.request).to have_attributes(start_line: "GET /verify HTTP/1.1")
    expect(backend.request["X-User"]).to eq("ann")
  end
end
