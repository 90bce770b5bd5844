# frozen_string_literal: true

require "securerandom"
require "support/example_files"
require "support/web_socket"

RSpec.describe "Rails behind the proxy, by examples/rails", time_limit: 60 do
  origin = "http://app.example.com:8080"
  host = { "Host" => "app.example.com:8080" }

  def self.rackup = File.expand_path("../../examples/rails/config.ru", __dir__)

  def self.pumas(address, ports, **environment)
    secret = { "SECRET_KEY_BASE" => SecureRandom.hex(64), "RAILS_ENV" => "production", "RACK_ENV" => "production" }
    ports.map do |port|
      Thread.new do
        PumaBackend.new(rackup, bind: "#{address}:#{port}",
                        environment: secret.merge(environment.transform_keys(&:to_s)))
      end
    end.map(&:value)
  end

  # The proxy of the example; `balancer` is the address of the load balancer that it trusts.
  def start_example_proxy(balancer = "127.9.9.9", timeout: 30)
    page = File.expand_path("examples/public/503.html")
    changes = { "10.0.0.0/8" => balancer, "../public/503.html" => page, '"combined"' => "false",
                "preserve_host: true" => "preserve_host: true, timeout: #{timeout}" }
    start_example("rails/Proxyfile", changes, bind: "http://127.0.0.1:0")
  end

  # The session's cookie.
  def cookie(response) = { "Cookie" => response["Set-Cookie"][/\A[^;]+/] }

  def token(response) = response.body[/name="authenticity_token" value="([^"]+)"/, 1]

  def form(token, content)
    body = "--limit\r\nContent-Disposition: form-data; name=\"authenticity_token\"\r\n\r\n#{token}\r\n" \
           "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"some.bin\"\r\n" \
           "Content-Type: application/octet-stream\r\n\r\n".b + content + "\r\n--limit--\r\n"
    [body, { "Content-Type" => "multipart/form-data; boundary=limit" }]
  end

  # A WebSocket that has the session of whoever got that response.
  def cable(client, response, **fields)
    WebSocket.new(client, "/cable",
                  { **cookie(response), "Sec-WebSocket-Protocol" => "actioncable-v1-json",
                                        **fields.transform_keys(&:to_s) })
  end

  context "with two Pumas" do
    before(:all) do
      @host = "127.#{rand(1..254)}.#{rand(256)}.#{rand(1..254)}"
      @pumas = self.class.pumas(@host, [3001, 3002])
    end

    after(:all) { @pumas.each(&:stop) }

    before { @proxy = start_example_proxy }

    it "counts the visits of a session, whichever Puma answers" do
      headers, pages = host, []
      4.times do
        pages << @proxy.get("/", headers)
        headers = host.merge(cookie(pages.last))
      end
      visits, visitors,
        servers = pages.map { |page| page.body.match(/Visit (\d) of (\w+), by Puma (\d+)/).captures }.transpose
      expect([visits, visitors.uniq.length, servers.uniq.length]).to eq([%w[1 2 3 4], 1, 2])
    end

    it "takes an upload of a form, whose origin Rails compares with the host" do
      page = @proxy.get("/", host)
      content = SecureRandom.bytes(3_000_000)
      body, type = form(token(page), content)
      headers = { **host, **cookie(page), **type }

      expect(@proxy.post("/uploads", body, headers.merge("Origin" => "http://elsewhere.example.com")).status).to eq(422)
      expect(JSON.parse(@proxy.post("/uploads", body, headers.merge("Origin" => origin)).body))
        .to eq("name" => "some.bin", "size" => 3_000_000, "sha256" => Digest::SHA256.hexdigest(content))
    end

    it "passes on each event of ActionController::Live as it is sent, and ends the stream when the client goes" do
      client = @proxy.connect(limit: 20)
      client.send_request("GET", "/events", host)
      events = +""
      expect(client.read_head["Content-Type"]).to start_with("text/event-stream")
      # The stream has no end.
      events << client.read(1) until events.include?("data: 3\n\n")
      client.close
      eventually { expect(@proxy.stats[:requests][:in_flight]).to eq(0) }
    end

    it "opens Action Cable's WebSocket for the page's own origin, with the session" do
      page = @proxy.get("/", host)
      socket = cable(@proxy.connect(limit: 20), page, **host, Origin: origin)
      expect([socket.response.status, socket.response["Sec-WebSocket-Protocol"]]).to eq([101, "actioncable-v1-json"])
      chat = CableClient.new(socket, "ChatChannel")
      chat.subscribe
      chat.perform("speak", text: "hello")
      expect(chat.receive).to eq("by" => page.body[/ of (\w+)/, 1], "text" => "hello")
    end

    it "has Action Cable refuse another origin" do
      socket = cable(@proxy.connect(limit: 20), @proxy.get("/", host), **host, Origin: "http://elsewhere.example.com")
      expect(socket.response.status).to eq(404)
    end

    it "tells Rails the id, the host and the address of a request" do
      told = JSON.parse(@proxy.get("/who", host.merge("X-Forwarded-For" => "198.51.100.7",
                                                      "X-Forwarded-Proto" => "https")).body)
      expect(told)
        .to match("url" => "#{origin}/who", "ssl" => false, "remote_ip" => "127.0.0.1", "request_id" => /\A\h{32}\z/)
    end
  end

  context "with force_ssl, behind a load balancer that ends HTTPS" do
    visitor = { "Host" => "app.example.com", "X-Forwarded-For" => "198.51.100.7", "X-Forwarded-Proto" => "https" }

    before(:all) do
      @host = "127.#{rand(1..254)}.#{rand(256)}.#{rand(1..254)}"
      @pumas = self.class.pumas(@host, [3001], FORCE_SSL: "1")
    end

    after(:all) { @pumas.each(&:stop) }

    before { @proxy = start_example_proxy }

    # A connection from the load balancer.
    def balancer
      RawClient.new(TCPSocket.new("127.0.0.1", @proxy.server.port, "127.9.9.9"), limit: 20)
    end

    it "is right about the visitor, who came over HTTPS" do
      expect(JSON.parse(balancer.get("/who", visitor).body))
        .to include("url" => "https://app.example.com/who", "ssl" => true, "remote_ip" => "198.51.100.7")
    end

    it "sends visitors to HTTPS once" do
      response = balancer.get("/who?a=1", visitor.merge("X-Forwarded-Proto" => "http"))
      expect([response.status, response["Location"]]).to eq([301, "https://app.example.com/who?a=1"])
      response = balancer.get("/who?a=1", visitor)
      expect([response.status, response["Strict-Transport-Security"]]).to match([200, /max-age/])
    end

    it "believes nobody else who says that it is HTTPS" do
      response = @proxy.get("/who", visitor)
      expect([response.status, response["Location"]]).to eq([301, "https://app.example.com/who"])
    end

    it "sends its session over HTTPS alone, and opens Action Cable's WebSocket with it" do
      page = balancer.get("/", visitor)
      expect(page["Set-Cookie"]).to match(/; secure/i)
      socket = cable(balancer, page, **visitor, Origin: "https://app.example.com")
      expect(socket.response.status).to eq(101)
      expect(cable(balancer, page, **visitor, Origin: "http://app.example.com").response.status).to eq(404)
    end
  end

  it "shows its page while neither Puma answers" do
    # Where no check has succeeded yet, a request waits for one, as long as timeout says.
    response = start_example_proxy(timeout: 1).get("/", host.merge("Accept" => "text/html"))
    expect([response.status, response["Content-Type"], response.body])
      .to eq([503, "text/html; charset=utf-8", File.read("examples/public/503.html")])
  end
end
