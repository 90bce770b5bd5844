# frozen_string_literal: true

require "support/integration"
require "support/grpc"

RSpec.describe "gRPC" do
  # One server and one client process for all examples.
  before(:all) do
    @server = GrpcServer.new
    @client = GrpcClient.new
  end

  after(:all) { [@client, @server].each(&:stop) }

  attr_reader :server, :client

  # The `HOST:PORT` of a proxy before the server, or before `backend`.
  def before_server(backend: server.address, **options)
    start_proxy { proxy backends: ["h2://#{backend}"], **options }.url.delete_prefix("http://")
  end

  def status(outcome) = [outcome.code, outcome.message]

  it "passes calls of one message, with their metadata in both directions" do
    outcome = client.call(:unary, before_server, "hello", metadata: { "x-text" => "t", "x-raw-bin" => "\x00\x01" })
    expect([outcome.code, outcome.replies]).to eq([0, ["hello"]])
    expect(outcome.head).to include("x-sent-text" => "t", "x-sent-raw-bin" => "\x00\x01")
    expect(outcome.trailers).to include("x-trailer" => "behind")
  end

  it "passes streams of the client, of the server and of both" do
    address = before_server
    expect(client.call(:collect, address, "a", "b", "c").replies).to eq(["a,b,c"])
    expect(client.call(:expand, address, "3").replies).to eq(["message 0", "message 1", "message 2"])
    expect(client.call(:expand, address, "0").replies).to eq([])
    # Each message is sent only when the one before has come back.
    expect(client.call(:chat, address, *%w[one two three]).replies).to eq(%w[one two three])
  end

  it "passes large messages" do
    address = before_server
    big = "y" * 3_000_000
    expect(client.call(:unary, address, big).replies).to eq([big])
    expect(client.call(:unary, address, '{"size": 3000000}').replies.first.bytesize).to eq(3_000_000)
  end

  it "passes the server's own errors on, with their message and metadata" do
    outcome = client.call(:unary, before_server, '{"status": 5, "message": "no sööch: 100 %"}')
    expect(status(outcome)).to eq([5, "no sööch: 100 %"])
    expect(outcome.metadata["x-why-bin"].b).to eq("\x00\xff".b)
  end

  it "is told of methods that the server does not have by the server itself" do
    address = before_server
    expect(client.call(:missing, address, "x").code).to eq(12)
  end

  it "ends a call when its deadline is over" do
    outcome = client.call(:unary, before_server, '{"sleep": 3}', deadline: 0.2)
    expect(outcome.code).to eq(4)
    expect(outcome.seconds).to be_between(0.15, 2)
  end

  it "tells the server that a client has cancelled its call" do
    client.call(:cancel, before_server, "wait")
    server.process.await_output(/nobody waits any more/)
  end

  it "answers for a server that cannot be reached" do
    outcome = client.call(:unary, before_server(backend: refusing_backend.address), "x")
    expect(outcome.code).to eq(14)
    expect(outcome.message).to eq("502 Bad Gateway: The server behind this one did not give a usable answer. Please " \
                                  "try again soon.")
  end

  it "is refused in its own terms by filters and where there is no handler" do
    backend = server.address
    address = start_proxy do
      location("/test.Echo/Unary") { static_response code: 418, body: "no gRPC" }
      location("/test.Echo/Collect") do
        auth_api_key keys: %w[secret-key-1]
        proxy backends: ["h2://#{backend}"]
      end
      location("/test.Echo/Expand") do
        deny_list "127.0.0.1"
        proxy backends: ["h2://#{backend}"]
      end
    end.url.delete_prefix("http://")
    expect(status(client.call(:collect, address, "a"))).to eq([16, "401 Unauthorized: This is for those who have " \
                                                                   "signed in."])
    expect(status(client.call(:expand, address, "1"))).to eq([7, "403 Forbidden: This is not for everybody."])
    expect(status(client.call(:chat, address, "a"))).to eq([12, "404 Not Found: There is nothing at this address."])
  end

  it "lets a quiet stream live longer than timeout and client_body_timeout" do
    backend = server.address
    address = start_proxy do
      client_body_timeout 0.2
      proxy backends: ["h2://#{backend}"], timeout: 0.3
    end.url.delete_prefix("http://")
    expect(client.call(:slow_collect, address, "a", "b").replies).to eq(["a,b"])
  end

  it "checks backends by the health service" do
    backend = server.address
    states = lambda do |service|
      proxy = start_proxy do
        proxy backends: ["h2://#{backend}"], health_check: {
          grpc: true, service: service, interval: 0.05, rise: 1, fall: 1
        }
      end
      eventually { expect(proxy.stats[:backends].first[:check]).not_to be_nil }
      proxy.stats[:backends].first.then { |stats| [stats[:state], stats[:check][:error]] }
    end
    expect(%w[ready busy other].push("").map(&states))
      .to eq([["ready", nil], ["unhealthy", "its status is NOT_SERVING"],
              ["unhealthy", "grpc.health.v1 answers NOT_FOUND: unknown service"], ["ready", nil]])
  end
end
