# frozen_string_literal: true

require "etc"
require "support/example_files"
require "support/grpc"

RSpec.describe "examples/from_nginx.rb" do
  site = { "Host" => "example.com" }

  def start = start_example("from_nginx.rb")

  it "gives weights of 3 and 1 three and one of four requests, and the backup none" do
    start_applications(8000, 8001, 8002)
    proxy = start

    expect(answers(400) { |n| proxy.get("/page/#{n}", site) }).to eq("8000" => 300, "8001" => 100)
  end

  it "uses the backup when the others fail" do
    start_applications(8002)
    proxy = start

    expect(answers(10) { proxy.get("/", site) }).to eq("8002" => 10)
  end

  it "keeps connections to the backends" do
    backend = start_backend(host: host, port: 8000)
    start_applications(8001)
    proxy = start
    12.times { proxy.get("/", site) }

    expect(backend.requests.length).to be >= 8
    expect(backend.connections).to be <= Etc.nprocessors
  end

  it "tells the backend the host, the client, the chain and the scheme" do
    backend = start_backend(host: host, port: 8000)
    proxy = start
    proxy.get("/a?b=1", "Host" => "example.com:8080")

    expect(backend.request.target).to eq("/a?b=1")
    expect(backend.request).to have_attributes(names: include("host", "x-real-ip"))
    expect(%w[Host X-Real-IP X-Forwarded-For X-Forwarded-Proto].map { |name| backend.request.all(name) })
      .to eq([["example.com"], ["127.0.0.1"], ["127.0.0.1"], ["http"]])
  end

  it "finds the client's address behind trusted proxies alone" do
    backend = start_backend(host: host, port: 8000)
    uri = URI(start.url)
    said = { **site, "Connection" => "close", "X-Forwarded-For" => "6.6.6.6, 192.0.2.7, 10.1.2.3",
                     "X-Forwarded-Proto" => "https",
                     "X-Forwarded-Host" => "shop.example" }
    %w[127.0.0.1 127.0.0.2].each do |from|
      client = RawClient.new(TCPSocket.new(uri.host, uri.port, from, 0))
      client.get("/", said)
      client.close
    end

    expect(backend.requests.map { |request|
             %w[X-Real-IP X-Forwarded-For X-Forwarded-Proto
                X-Forwarded-Host].map { |name| request[name] }
           })
      .to eq([["192.0.2.7", "6.6.6.6, 192.0.2.7, 10.1.2.3, 127.0.0.1", "https", "shop.example"],
              ["127.0.0.2", "127.0.0.2", "http", "example.com"]])
  end

  it "passes WebSockets on" do
    backend = start_backend(host: host, port: 8000) do |connection|
      connection.read_request
      connection.write "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      connection.write connection.read(4).reverse
    end
    client = start.connect
    client.send_request("GET", "/ws/chat", { **site, "Connection" => "Upgrade", "Upgrade" => "websocket" })

    expect(client.read_response.status).to eq(101)
    client.write "ping"
    expect(client.read(4)).to eq("gnip")
    expect(%w[Host Upgrade Connection].map { |name| backend.request[name]&.downcase })
      .to eq(%w[example.com websocket upgrade])
  end

  it "sends new requests to the backend with the fewest, with least_conn" do
    slow = start_applications(8000, held: true)[8000]
    start_applications(8001, 8002)
    proxy = start
    requests = requests_of_which_one_waits(3, slow) { proxy.get("/least_conn/a", site).body }

    expect(answers(20) { proxy.get("/least_conn/b", site) }.keys).to contain_exactly("8001", "8002")
    slow.release(1)
    expect(requests.map(&:value).sort).to eq(%w[8000 8001 8002])
  end

  it "sends a client to the same backend, and clients to all of them, with ip_hash" do
    start_applications(8000, 8001, 8002)
    proxy = start
    homes = Array.new(60) do |n|
      addresses = Array.new(3) { proxy.get("/ip_hash/", { **site, "X-Forwarded-For" => "192.0.2.#{n}" }).body }
      expect(addresses.uniq.length).to eq(1)
      addresses.first
    end

    expect(homes.uniq.sort).to eq(%w[8000 8001 8002])
  end

  it "takes the less busy of two, with random two" do
    servers = start_applications(8000, 8001, 8002, held: true).values
    proxy = start
    requests = Array.new(30) { in_background { proxy.get("/random/", site).status } }
    eventually { expect(servers.sum(&:count)).to eq(30) }

    # The busiest never gets a request while it is alone in that, so that nobody is far from a third.
    expect(servers.map(&:count)).to all(be_between(6, 14))
    servers.each { |server| server.release(30) }
    expect(requests.map(&:value).uniq).to eq([200])
  end

  it "passes gRPC calls on, and answers the failure of their backend in gRPC's terms" do
    server = started(GrpcServer.new)
    client = started(GrpcClient.new)
    proxy = start_example("from_nginx.rb", { "h2://#{host}:9090" => "h2://#{server.address}" },
                          bind: "http://#{host}:50051")
    call = -> { client.call(:unary, proxy.url.delete_prefix("http://"), "hello") }
    expect(call.call).to have_attributes(code: 0, replies: ["hello"])

    server.stop
    expect(call.call.code).to eq(14)
  end
end
