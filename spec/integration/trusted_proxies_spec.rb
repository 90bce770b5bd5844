# frozen_string_literal: true

require "support/integration"

# The client is 127.0.0.1: trusted where the Proxyfile says so.
RSpec.describe "trusted_proxies" do
  # What the backend got when a client with these fields asked. `Via-Addr` and `Via-Scheme` are what rewrites see.
  def sent(trusted, fields, options = {})
    backend = start_backend
    seen = { "Seen-Addr" => { rewrite: "{addr}" }, "Seen-Scheme" => { rewrite: "{scheme}" } }
    proxy = start_proxy(to: backend, headers: seen, **options) { trusted_proxies(*trusted) unless trusted.empty? }
    proxy.get("/", fields)
    backend.request
  end

  def seen(trusted, fields) = sent(trusted, fields).then { |request| [request["Seen-Addr"], request["Seen-Scheme"]] }

  lie = { "X-Forwarded-For" => "6.6.6.6", "X-Forwarded-Proto" => "https", "Forwarded" => "for=6.6.6.6;proto=https" }

  it "believes nobody else what they say of themselves" do
    [[], ["10.0.0.0/8"], ["unix:"], ["127.0.0.2", "::1"]].each do |trusted|
      request = sent(trusted, lie)
      expect([request["Seen-Addr"], request["Seen-Scheme"]]).to eq(["127.0.0.1", "http"])
      expect([request["X-Forwarded-For"], request["X-Real-IP"], request["X-Forwarded-Proto"]])
        .to eq(["127.0.0.1", "127.0.0.1", "http"])
      expect(request["Forwarded"]).to be_nil
    end
  end

  it "takes the right-most address that is not trusted for the client" do
    trusted = ["127.0.0.0/8", ["10.0.0.0/8"]]

    {
      "192.0.2.7" => "192.0.2.7",
      "6.6.6.6, 192.0.2.7, 10.0.0.2, 10.0.0.1" => "192.0.2.7",
      ["6.6.6.6", "192.0.2.7", "10.0.0.2, 10.0.0.1"] => "192.0.2.7",
      "6.6.6.6, 192.0.2.7:4711, 10.0.0.2:80" => "192.0.2.7",
      "2001:db8::7, 10.0.0.2" => "2001:db8::7",
      '"[2001:db8::7]:4711"' => "2001:db8::7",
      "::ffff:192.0.2.7, ::ffff:10.0.0.2" => "192.0.2.7",
      "192.0.2.7, 192.0.2.7, 127.0.0.1" => "192.0.2.7",
      "10.0.0.3, 10.0.0.2" => "10.0.0.3",
      "6.6.6.6, unknown, 10.0.0.2" => "10.0.0.2",
      "6.6.6.6, <script>" => "127.0.0.1",
      "" => "127.0.0.1"
    }.each { |chain, client|
      expect([chain, seen(trusted, { "X-Forwarded-For" => chain })])
        .to eq([chain, [client, "http"]])
    }
  end

  it "takes the last scheme that is named" do
    expect(seen(["127.0.0.1"], { "X-Forwarded-Proto" => "https" })).to eq(["127.0.0.1", "https"])
    expect(seen(["127.0.0.1"], { "X-Forwarded-Proto" => ["https", "http"] })).to eq(["127.0.0.1", "http"])
    expect(seen(["127.0.0.1"], { "X-Forwarded-Proto" => "javascript" })).to eq(["127.0.0.1", "http"])
  end

  it "reads Forwarded where there is no X-Forwarded-For" do
    forwarded = 'for=6.6.6.6, for="[2001:db8::7]:4711";proto=https, for=127.0.0.9;proto=http'
    expect(seen(["127.0.0.0/8"], { "Forwarded" => forwarded })).to eq(["2001:db8::7", "https"])
    expect(seen(["127.0.0.0/8"], { "Forwarded" => ["for=6.6.6.6", "for=192.0.2.7"] })).to eq(["192.0.2.7", "http"])
    expect(seen(["127.0.0.0/8"], { "Forwarded" => forwarded, "X-Forwarded-For" => "192.0.2.7" }))
      .to eq(["192.0.2.7", "http"])
  end

  it "adds to the chain what it knows itself and keeps what the proxy said" do
    said = { "X-Forwarded-For" => ["6.6.6.6", "192.0.2.7"], "X-Forwarded-Proto" => "https",
             "X-Forwarded-Host" => "shop.example",
             "X-Forwarded-Port" => "443", "X-Real-IP" => "6.6.6.6" }
    request = sent(["127.0.0.1"], said)

    expect(request.all("X-Forwarded-For")).to eq(["6.6.6.6, 192.0.2.7, 127.0.0.1"])
    expect(request.all("X-Real-IP")).to eq(["192.0.2.7"])
    expect(request.all("X-Forwarded-Proto")).to eq(["https"])
    expect(request.all("X-Forwarded-Host")).to eq(["shop.example"])
    expect(request.all("X-Forwarded-Port")).to eq(["443"])
  end

  it "adds an element with forwarded_headers: :rfc7239" do
    request = sent(["127.0.0.1"], { "Forwarded" => "for=192.0.2.7;proto=https" }, forwarded_headers: :rfc7239)

    expect(request.all("Forwarded")).to eq(['for=192.0.2.7;proto=https, for=127.0.0.1;host="example.test";proto=http'])
  end

  it "passes on what the proxy says of itself, unless fields: says what it is believed" do
    backend = start_backend
    said = { "X-Forwarded-For" => "192.0.2.7", "X-Forwarded-Proto" => "https", "X-Forwarded-Ssl" => "on",
             "Proxy" => "http://evil.example" }
    [[{}, "https", "on"], [{ fields: %w[x-forwarded-for] }, "http", nil], [{ fields: nil }, "https", "on"]]
      .each do |options, scheme, ssl|
      proxy = start_proxy(to: backend) do
        trusted_proxies "127.0.0.1", **options
      end
      proxy.get("/", said)
      request = backend.requests.last
      expect(request["X-Forwarded-For"]).to eq("192.0.2.7, 127.0.0.1")
      expect([request["X-Forwarded-Proto"], request["X-Forwarded-Ssl"], request["Proxy"]]).to eq([scheme, ssl, nil])
    end
  end

  it "lets nobody take a field away by naming it in Connection" do
    fields = { "X-Forwarded-For" => "192.0.2.7", "X-Forwarded-Proto" => "https",
               "Connection" => "close, X-Forwarded-For, X-Forwarded-Proto, X-Real-IP" }
    request = sent(["127.0.0.1"], fields)

    expect([request["Seen-Addr"], request["Seen-Scheme"]]).to eq(["192.0.2.7", "https"])
    expect(request["X-Forwarded-For"]).to eq("192.0.2.7, 127.0.0.1")
    expect([request["X-Real-IP"], request["X-Forwarded-Proto"]]).to eq(["192.0.2.7", "https"])
    expect(sent([], fields)["X-Forwarded-For"]).to eq("127.0.0.1")
  end

  it "lets no field with an underscore pass for one of them" do
    expect(seen(["127.0.0.1"], { "X_Forwarded_For" => "6.6.6.6" }).first).to eq("127.0.0.1")
  end

  it "is obeyed anew by every request of a connection" do
    backend = start_backend
    proxy = start_proxy(to: backend) do
      trusted_proxies "127.0.0.1"
    end
    client = proxy.connect
    ["192.0.2.7", nil, "192.0.2.8"].each { |addr| client.get("/", { "X-Forwarded-For" => addr }.compact) }
    client.close

    expect(backend.requests.map { |request| request["X-Real-IP"] }).to eq(["192.0.2.7", "127.0.0.1", "192.0.2.8"])
  end

  it "trusts whoever comes over a unix socket with \"unix:\"" do
    backend = start_backend
    path = File.join(directory, "proxy.sock")
    proxy = start_proxy(to: backend, bind: "unix://#{path}") do
      trusted_proxies "unix:"
    end
    proxy.get("/", "X-Forwarded-For" => "6.6.6.6, 192.0.2.7")

    expect(backend.request["X-Real-IP"]).to eq("192.0.2.7")
    expect(backend.request["X-Forwarded-For"]).to eq("6.6.6.6, 192.0.2.7")
  end

  it "shows the client in the access log" do
    backend = start_backend
    log = File.join(directory, "access.log")
    proxy = start_proxy(to: backend) do
      trusted_proxies "127.0.0.1"
      access_log "{addr} {scheme} {X-Forwarded-For}", to: log
    end
    proxy.get("/", "X-Forwarded-For" => "192.0.2.7", "X-Forwarded-Proto" => "https")
    proxy.stop

    expect(File.read(log)).to eq("192.0.2.7 https 192.0.2.7\n")
  end

  describe "and what looks at the client" do
    # The client is asked about over a connection from `from`, of which 127.0.0.1 is trusted.
    def statuses(proxy, path, addresses, from: "127.0.0.1", name: "X-Forwarded-For")
      uri = URI(proxy.url)
      client = RawClient.new(TCPSocket.new(uri.host, uri.port, from, 0))
      addresses.map { |address| client.get(path, { name => address }).status }
    ensure
      client.close
    end

    let(:proxy) do
      start_proxy do
        trusted_proxies "127.0.0.1"
        static_response body: "welcome"
        location("/allowed") { allow_list "192.0.2.0/24" }
        location("/denied") { deny_list "192.0.2.0/24" }
        location("/limited") { rate_limit requests: 2, seconds: 60 }
        location("/remote", remote: ["192.0.2.0/24"]) { static_response code: 202 }
        location("/secure") { redirect_http_to_https! }
        location("/secured", schemes: ["https"]) { static_response code: 202 }
      end
    end

    it "holds lists to the client behind a trusted proxy" do
      expect(statuses(proxy, "/allowed", ["192.0.2.7", "6.6.6.6", "192.0.2.7, 6.6.6.6", "6.6.6.6, 192.0.2.7"]))
        .to eq([200, 403, 403, 200])
      expect(statuses(proxy, "/denied", ["192.0.2.7", "6.6.6.6", "6.6.6.6, 192.0.2.7"])).to eq([403, 200, 403])
      expect(statuses(proxy, "/allowed", ["for=192.0.2.7", "for=6.6.6.6"], name: "Forwarded")).to eq([200, 403])
    end

    it "lets nobody else past a list by a made-up address" do
      %w[X-Forwarded-For X_Forwarded_For X-Real-IP Forwarded].each do |name|
        value = name == "Forwarded" ? "for=192.0.2.7" : "192.0.2.7"
        expect(statuses(proxy, "/allowed", [value], from: "127.0.0.2", name: name)).to eq([403])
        expect(statuses(proxy, "/denied", [value], from: "127.0.0.2", name: name)).to eq([200])
      end
    end

    it "counts the requests of every client by itself" do
      expect(statuses(proxy, "/limited", %w[192.0.2.7 192.0.2.7 192.0.2.7 192.0.2.8])).to eq([200, 200, 429, 200])
      # What the client itself writes in front makes no other client of it.
      expect(statuses(proxy, "/limited", ["6.6.6.6, 192.0.2.7", "7.7.7.7, 192.0.2.7:99", "::ffff:192.0.2.7"]))
        .to eq([429, 429, 429])
      expect(statuses(proxy, "/limited", %w[1.1.1.1 2.2.2.2 3.3.3.3], from: "127.0.0.2")).to eq([200, 200, 429])
    end

    it "finds locations by the client and its scheme" do
      expect(statuses(proxy, "/remote", ["192.0.2.7", "6.6.6.6"])).to eq([202, 200])
      expect(statuses(proxy, "/remote", ["192.0.2.7"], from: "127.0.0.2")).to eq([200])
      expect(statuses(proxy, "/secured", %w[https http], name: "X-Forwarded-Proto")).to eq([202, 200])
      expect(statuses(proxy, "/secured", ["https"], from: "127.0.0.2", name: "X-Forwarded-Proto")).to eq([200])
      expect(statuses(proxy, "/secure", %w[https http], name: "X-Forwarded-Proto")).to match([200, (300..399)])
    end
  end
end
