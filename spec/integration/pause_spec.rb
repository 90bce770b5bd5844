# frozen_string_literal: true

require "support/integration"
require "support/web_socket"

# The engine's own tests have most of it; these are real servers.
RSpec.describe "a paused upstream" do
  def queued(proxy) = proxy.stats[:requests][:queued]

  def pausable(address)
    start_proxy do
      upstream "app", backends: [address], queue: 50, max_connections: 5
      proxy to: "http://app{path}{query}"
    end
  end

  it "holds requests to Puma, of any method and with their bodies, until it is resumed" do
    proxy = pausable(puma.address)
    proxy.server.pause("app", for: 60)
    clients = %w[GET POST DELETE].map do |method|
      proxy.connect.tap { |client| client.send_request(method, "/#{method}", {}, method == "GET" ? nil : "body") }
    end
    eventually { expect(queued(proxy)).to eq(3) }
    expect(proxy.stats[:backends].sum { |backend| backend[:in_flight] }).to eq(0)
    expect(proxy.server.resume("app")).to be(proxy.server)
    answers = clients.map { |client| JSON.parse(client.read_response.body) }
    expect(answers.map { |answer| answer.values_at("path", "body") })
      .to eq([["/GET", ""], ["/POST", "body"], ["/DELETE", "body"]])
  end

  it "answers 503 when the time is over, and serves once it is resumed" do
    proxy = pausable(puma.address)
    proxy.server.pause(:app, for: 0.2)
    response = proxy.get
    expect([response.status, response["Retry-After"]]).to eq([503, "1"])
    proxy.server.resume(:app)
    expect(proxy.get.status).to eq(200)
  end

  it "leaves a WebSocket alone that is open" do
    backend = started(PumaBackend.new(File.expand_path("../support/apps/websocket.ru", __dir__)))
    proxy = pausable(backend.address)
    socket = WebSocket.new(proxy.connect, "/")
    expect(socket).to be_open
    proxy.server.pause("app", for: 60)
    socket.send("hello")
    expect(socket.receive).to include("hello")
    proxy.server.resume("app")
    socket.close
  end

  it "keeps the pause over a reload" do
    proxy = pausable(puma.address)
    proxy.server.pause("app", for: 60)
    client = proxy.connect
    client.send_request("GET", "/")
    eventually { expect(queued(proxy)).to eq(1) }
    proxy.server.reload
    expect(queued(proxy)).to eq(1)
    proxy.server.resume("app")
    expect(client.read_response.status).to eq(200)
  end

  it "refuses what it does not know, and says what there is" do
    proxy = pausable(puma.address)
    expect { proxy.server.pause("ap") }
      .to raise_error(ArgumentError, '"ap" is not a valid upstream: write one of app')
    expect { proxy.server.pause("app", for: 0) }.to raise_error(ArgumentError, /write seconds above 0, and at most 86400/)
    expect { proxy.server.pause("app", for: -1) }
      .to raise_error(ArgumentError, "-1 s is not a valid pause: write seconds above 0, and at most 86400")
    expect { proxy.server.resume("nobody") }.to raise_error(ArgumentError, /write one of app/)
    proxy.server.stop
    expect(proxy.server.pause("app")).to be(proxy.server)
  end
end
