# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filter rate_limit" do
  # What a client is told: limit, remaining and reset.
  def told(response) = %w[Limit Remaining Reset].map { |name| Integer(response["X-RateLimit-#{name}"], 10) }

  def statuses(*responses) = responses.map(&:status)

  it "lets so many requests pass, answers more with 429, and tells every client where it stands" do
    proxy = start_proxy do
      rate_limit requests: 2, seconds: 60
      static_response body: "ok"
    end
    responses = Array.new(3) { proxy.get }

    expect(statuses(*responses)).to eq([200, 200, 429])
    expect(responses.first(2).map { |response| told(response) }).to eq([[2, 1, 60], [2, 0, 60]])
    expect(responses.first(2).map { |response| response["Retry-After"] }).to eq([nil, nil])
    refused = responses.last
    expect(told(refused).first(2)).to eq([2, 0])
    expect(Integer(refused["Retry-After"], 10)).to be_between(58, 60)
    expect(Integer(refused["Retry-After"], 10)).to be <= told(refused).last
    expect(refused.body).to include("429")
  end

  it "lets requests pass again when the time of the earlier ones is over, and not before" do
    proxy = start_proxy do
      rate_limit requests: 1, seconds: 0.4
      static_response body: "ok"
    end
    client = proxy.connect
    expect(client.get.status).to eq(200)
    waited = seconds { nil until client.get.status == 200 }

    expect(waited).to be_between(0.35, 2)
  end

  it "lets exactly so many pass of many at once over several threads" do
    proxy = start_proxy(threads: 2) do
      rate_limit requests: 50, seconds: 60
      static_response body: "ok"
    end
    clients = Array.new(20) { proxy.connect }
    answers = clients.map { |client| in_background { Array.new(10) { client.get.status } } }.flat_map(&:value)

    expect(answers.tally).to eq(200 => 50, 429 => 150)
  end

  it "counts requests by the value of a field, and those without it by their address" do
    proxy = start_proxy do
      rate_limit requests: 1, seconds: 60, key: { header: "X-Api-Key" }
      static_response body: "ok"
    end
    get = ->(headers) { proxy.get("/", headers).status }

    expect([get["X-Api-Key" => "a"], get["X-Api-Key" => "b"], get["x-api-KEY" => "a"], get["X-Api-Key" => "  b "]])
      .to eq([200, 200, 429, 429])
    expect([get[{}], get["X-Api-Key" => ""], get["X_Api_Key" => "c"], get["X.Api.Key" => "c"]])
      .to eq([200, 429, 429, 429])
    # The client cannot have the field counted and then dropped.
    expect(get["X-Api-Key" => "d", "Connection" => "close, X-Api-Key"]).to eq(429)
  end

  it "refuses a request that names several keys, of which a backend could take another one" do
    backend = start_backend
    proxy = start_proxy do
      location("/field") { rate_limit requests: 9, seconds: 60, key: { header: "X-Api-Key" } }
      location("/query") { rate_limit requests: 9, seconds: 60, key: { query: "user_id" } }
      proxy backends: [backend.address]
    end

    expect(proxy.get("/field", "X-Api-Key" => %w[a b]).status).to eq(400)
    expect(proxy.get("/field", "X-Api-Key" => "a", "x-api-key" => "a").status).to eq(400)
    expect(proxy.get("/query?user_id=1&user_id=2").status).to eq(400)
    expect(proxy.get("/query?user_id=1&user%5Fid=2").status).to eq(400)
    expect(proxy.get("/query?user_id=1").status).to eq(200)
    expect(backend.requests.length).to eq(1)
  end

  it "counts requests by a query parameter, however it is encoded" do
    proxy = start_proxy do
      rate_limit requests: 1, seconds: 60, key: { query: "user_id" }
      static_response body: "ok"
    end
    targets = ["/?user_id=1", "/other?a=b&user_id=1", "/?user%5Fid=%31", "/?user_id=2", "/", "/?USER_ID=3"]

    expect(targets.map { |target| proxy.get(target).status }).to eq([200, 429, 429, 200, 200, 429])
  end

  it "counts requests by a string rewrite" do
    proxy = start_proxy do
      rate_limit requests: 1, seconds: 60, key: { rewrite: "{addr} {method}" }
      static_response body: "ok"
    end

    expect(statuses(proxy.get, proxy.post, proxy.get, proxy.post)).to eq([200, 200, 429, 429])
  end

  it "counts a host and a path together in whatever spelling they come" do
    proxy = start_proxy do
      rate_limit requests: 1, seconds: 60, key: { rewrite: "{addr} {host}:{port} {path}" }
      static_response body: "ok"
    end
    paths = %w[/login /login/ //login /%6cogin /x/../login].map { |path| proxy.get(path, "Host" => "a.test").status }
    hosts = %w[A.test a.test. a.test:1 a.test].map { |host| proxy.get("/login", "Host" => host).status }

    expect(paths).to eq([200, 429, 429, 429, 429])
    expect(hosts).to all(eq(429))
    expect([proxy.get("/x", "Host" => "a.test").status, proxy.get("/login", "Host" => "b.test").status])
      .to eq([200, 200])
  end

  it "takes nobody's word for an address" do
    proxy = start_proxy do
      rate_limit requests: 1, seconds: 60
      static_response body: "ok"
    end
    spoofed = { "X-Forwarded-For" => "192.0.2.1", "X-Real-IP" => "192.0.2.1", "Forwarded" => "for=192.0.2.1" }

    expect(statuses(proxy.get, proxy.get("/", spoofed), proxy.get("/", "Host" => "other.test"))).to eq([200, 429, 429])
  end

  it "counts the clients of a trusted proxy apart, IPv6 ones by their network" do
    proxy = start_proxy do
      trusted_proxies "127.0.0.1"
      rate_limit requests: 1, seconds: 60
      static_response body: "ok"
    end
    clients = %w[192.0.2.1 192.0.2.2 192.0.2.1 2001:db8:1:2::1 2001:db8:1:2:3::4 2001:db8:1:3::1]

    expect(clients.map { |client| proxy.get("/", "X-Forwarded-For" => client).status })
      .to eq([200, 200, 429, 200, 429, 200])
  end

  it "counts in every scope around a request, and tells of the limit that is nearest" do
    proxy = start_proxy do
      rate_limit requests: 3, seconds: 60
      location "/narrow" do
        rate_limit requests: 1, seconds: 30
        static_response body: "ok"
      end
      static_response body: "ok"
    end
    first, second = Array.new(2) { proxy.get("/narrow") }
    expect([first.status, told(first).first(2), second.status, told(second).first(2)]).to eq([200, [1, 0], 429, [1, 0]])
    # The outer limit has counted both.
    third, fourth = Array.new(2) { proxy.get("/") }
    expect([third.status, told(third).first(2), fourth.status, told(fourth).first(2)]).to eq([200, [3, 0], 429, [3, 0]])
  end

  it "tells of the outer limit where that is the nearer one" do
    proxy = start_proxy do
      rate_limit requests: 2, seconds: 60
      location "/wide" do
        rate_limit requests: 100, seconds: 60
        static_response body: "ok"
      end
    end

    expect(told(proxy.get("/wide")).first(2)).to eq([2, 1])
  end

  it "refuses without a backend connection, and without waiting for the body" do
    backend = start_backend
    proxy = start_proxy do
      rate_limit requests: 1, seconds: 60, error_response: {
        status: 503, plaintext: "slow down", headers: { "X-Why" => "limit" }
      }
      proxy backends: [backend.address]
    end
    proxy.get
    client = proxy.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    response = client.read_response

    expect([response.status, response.body, response["X-Why"], response["Connection"]])
      .to eq([503, "slow down", "limit", "close"])
    expect([response["Retry-After"].to_i.positive?, backend.requests.length]).to eq([true, 1])
  end

  it "keeps the connection after a refusal, and holds pipelined requests to the limit" do
    proxy = start_proxy do
      rate_limit requests: 2, seconds: 60
      static_response body: "ok"
    end
    client = proxy.connect
    4.times { client.send_request("GET", "/") }

    expect(Array.new(4) { client.read_response.status }).to eq([200, 200, 429, 429])
    expect(client.get.status).to eq(429)
  end

  it "puts its fields on whatever response goes out, in the place of a backend's own" do
    backend = backend_answering("ok", { "X-RateLimit-Remaining" => "1000", "x-ratelimit-reset" => "1" })
    refusing = refusing_backend
    proxy = start_proxy do
      rate_limit requests: 9, seconds: 60
      location("/broken") { proxy backends: [refusing.address] }
      location("/backend") { proxy backends: [backend.address] }
    end

    expect(proxy.get("/backend").all("X-RateLimit-Remaining")).to eq(["8"])
    expect(proxy.get("/broken")).to have_attributes(status: 502, to_s: include("X-RateLimit-Remaining: 7\r\n"))
    expect(proxy.get("/nothing")).to have_attributes(status: 404, to_s: include("X-RateLimit-Remaining: 6\r\n"))
    expect(proxy.get("/backend").all("X-RateLimit-Reset").length).to eq(1)
  end

  it "counts all clients of a unix socket together, for they have no address" do
    proxy = start_proxy(bind: "unix://#{directory}/proxy.sock") do
      rate_limit requests: 1, seconds: 60
      static_response body: "ok"
    end

    expect(statuses(*Array.new(2) { RawClient.request(proxy.url, "GET", "/") })).to eq([200, 429])
  end
end
