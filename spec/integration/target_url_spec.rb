# frozen_string_literal: true

require "support/integration"

RSpec.describe "to" do
  # The request line's target and the Host that the backend saw.
  def forwarded(to, target, **headers)
    backend = start_backend
    proxy = start_proxy { proxy to: to, backends: [backend.address] }
    response = proxy.get(target, headers)
    [response.status, backend.requests.first&.target, backend.requests.first&.[]("Host")]
  end

  {
    ["http://b.test{path}{query}", "/a?b=1"] => ["/a?b=1", "b.test"],
    ["http://backend.example.com/api{path}{query}", "/resource?id=5"] => ["/api/resource?id=5", "backend.example.com"],
    ["http://b.test:8080{path_and_query}", "/a?b=1"] => ["/a?b=1", "b.test:8080"],
    ["http://b.test", "/a?b=1"] => ["/a?b=1", "b.test"],
    ["http://b.test:8080", "/a?b=1"] => ["/a?b=1", "b.test:8080"],
    ["http://{X-Site}.b.test", "/a?b=1"] => ["/a?b=1", "shop.b.test"],
    ["http://b.test/", "/a?b=1"] => ["/", "b.test"],
    ["http://b.test/x?token=1{query}", "/a?b=1"] => ["/x?token=1&b=1", "b.test"],
    ["http://b.test{path}{query}&x=1", "/a"] => ["/a?x=1", "b.test"],
    ["http://b.test/fixed", "/a?b=1"] => ["/fixed", "b.test"],
    ["http://b.test/fixed{query}", "/a?b=1"] => ["/fixed?b=1", "b.test"],
    ["http://b.test{query}", "/a?b=1"] => ["/?b=1", "b.test"],
    ["http://b.test{path|strip_prefix:/v1}{query}", "/v1/users?b"] => ["/users?b", "b.test"],
    ["http://b.test/search?q={X-Term}", "/a"] => ["/search?q=a%23%22", "b.test"],
    ["http://{X-Site}.b.test{path}", "/a"] => ["/a", "shop.b.test"]
  }.each do |(to, target), (line, host)|
    it "sends #{target} through #{to} to #{line}" do
      expect(forwarded(to, target, "X-Term": "a#\"", "X-Site": "shop")).to eq([200, line, host])
    end
  end

  it "sends the path with its dot segments resolved and nothing else changed" do
    expect(forwarded("http://b.test{path}{query}", "/a/../b//%2Fc%7e;x?../y"))
      .to eq([200, "/b//%2Fc%7e;x?../y", "b.test"])
  end

  it "answers 502 when a placeholder leaves no URL" do
    expect(forwarded("http://{X-Missing}/{path}", "/").first).to eq(502)
  end

  it "lets no header value add a host, user-info or a port to the target" do
    ["evil.test/", "user@evil.test", "evil.test:99", "evil.test#", "evil.test?"].each do |value|
      status, _, host = forwarded("http://{X-Site}.b.test{path}", "/a", "X-Site": value)
      expect([status, host]).to eq([502, nil]), value
    end
  end

  it "connects to the backends whatever host it names" do
    expect(forwarded("http://192.0.2.1:9{path}", "/a")).to eq([200, "/a", "192.0.2.1:9"])
  end

  it "uses the backend's own address when it is absent" do
    backend = start_backend
    proxy = start_proxy(to: backend)
    proxy.get("/a?b")
    expect([backend.request.target, backend.request["Host"]]).to eq(["/a?b", backend.address])
  end

  it "sends OPTIONS * as it is" do
    backend = start_backend
    proxy = start_proxy(to: backend)
    expect(proxy.request("OPTIONS", "*").status).to eq(200)
    expect(backend.request.target).to eq("*")
  end

  it "loads and follows the document's example" do
    backends = Array.new(2) { start_backend }
    first, second = backends.map(&:address)
    proxy = start_proxy do
      proxy \
        to: "http://backend.example.com/api{path}{query}", \
        backends: [first, second], \
        backend_priority: "round_robin", \
        headers: { "X-Forwarded-For" => { rewrite: "{addr}" } }, \
        verify_ssl: false, \
        timeout: 30, \
        tls_sni: true, \
        error_response: "bad_gateway"
    end
    2.times { expect(proxy.get("/resource?id=5").status).to eq(200) }
    seen = backends.map do |backend|
      [backend.request.target, backend.request["Host"], backend.request["X-Forwarded-For"]]
    end
    expect(seen.uniq).to eq([["/api/resource?id=5", "backend.example.com", "127.0.0.1"]])
  end

  it "does not follow a redirect" do
    backend = start_backend do |connection|
      connection.read_request && connection.answer("", { "Location" => "http://127.0.0.1:1/" }, status: "302 Found")
    end
    proxy = start_proxy(to: backend)
    response = proxy.get
    expect([response.status, response["Location"]]).to eq([302, "http://127.0.0.1:1/"])
  end

  it "does not obey HTTP_PROXY" do
    backend = start_backend
    proxy = start_proxy_process("proxy backends: [#{backend.address.inspect}]",
                                environment: {
                                  "HTTP_PROXY" => "http://127.0.0.1:1", "http_proxy" => "http://127.0.0.1:1"
                                })
    expect(proxy.get.status).to eq(200)
  end
end
