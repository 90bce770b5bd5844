# frozen_string_literal: true

require "support/integration"
require "support/rails_application"
require "support/web_socket"

RSpec.describe "An application of `rails new` behind what `proxy init` writes for it", time_limit: 60 do
  host = { "Host" => "shop.example.com:8080" }

  before(:all) do
    @application = RailsApplication.new
    @told = @application.proxy("init")
    @application.start_puma
    @url = @application.start_proxy
  end

  after(:all) { @application.stop }

  def client = RawClient.connect(@url, limit: 20)

  # A page, and the fields with which its visitor goes on.
  def visit(fields)
    page = client.get("/", fields)
    [page, { **fields, "Cookie" => page["Set-Cookie"][/\A[^;]+/] }]
  end

  it "is told what was found, and has nothing to change" do
    port = File.read("#{@application.directory}/config/puma.rb")[/^port .*?(\d+)/, 1]
    expect(@told).to match(%r{\AWrote Proxyfile, for what was found here:
  config/application.rb +a Rails \d+\.\d+ application
  config/puma.rb:\d+ +it listens on 127.0.0.1:#{port}
})
    expect(@application.proxy("check")).to eq("Proxyfile is fine: 1 bind, 1 route\n")
  end

  it "keeps a session, and knows the host that was asked for" do
    page, visitor = visit(host)
    expect(page.body.split.first(2)).to eq(%w[1 http://shop.example.com:8080/])
    expect(client.get("/", visitor).body.split.first).to eq("2")
  end

  it "takes an upload" do
    page, visitor = visit(host)
    content = SecureRandom.bytes(3_000_000)
    body = "--limit\r\nContent-Disposition: form-data; name=\"authenticity_token\"\r\n\r\n#{page.body.split.last}\r\n" \
           "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"some.bin\"\r\n\r\n"
           .b + content + "\r\n--limit--\r\n"
    fields = { **visitor, "Origin" => "http://shop.example.com:8080",
                          "Content-Type" => "multipart/form-data; boundary=limit" }
    response = client.request("POST", "/uploads", fields, body)
    expect([response.status, response.body]).to eq([200, Digest::SHA256.hexdigest(content)])
  end

  it "opens Action Cable's WebSocket, for its own origin alone" do
    fields = { **host, "Sec-WebSocket-Protocol" => "actioncable-v1-json" }
    socket = WebSocket.new(client, "/cable", { **fields, "Origin" => "http://shop.example.com:8080" })
    expect(socket).to be_open
    echo = CableClient.new(socket, "EchoChannel")
    echo.subscribe
    echo.perform("echo", text: "hello")
    expect(echo.receive).to eq("text" => "hello")
    expect(WebSocket.new(client, "/cable", { **fields, "Origin" => "http://elsewhere.example.com" }).response.status)
      .to eq(404)
  end

  it "shows Rails' own page while Puma is down" do
    @application.stop_puma
    response = client.get("/", host.merge("Accept" => "text/html"))
    expect([response.status, response["Retry-After"], response.body])
      .to eq([503, "10", File.read("#{@application.directory}/public/500.html")])
  ensure
    @application.start_puma
    eventually(limit: 30) { expect(client.get("/robots.txt", host).status).to eq(200) }
  end
end
