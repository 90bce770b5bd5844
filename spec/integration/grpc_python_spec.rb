# frozen_string_literal: true

require "support/integration"
require "support/grpc"
require "support/python"

RSpec.describe "gRPC in Python" do
  it "makes calls of every kind, compressed ones among them" do
    backend = GrpcServer.new(*Python.command("grpc_server"))
    proxy = start_proxy { proxy backends: ["h2://#{backend.address}"] }
    calls = Python.run("grpc_client", proxy.url.delete_prefix("http://"))
    expect(calls[:unary]).to include(code: 0, replies: "hello", trailers: { "x-trailer": "behind" })
    expect(calls[:unary][:head][:"x-deadline"].to_f).to be_between(20, 30)
    expect(calls[:compressed]).to include(code: 0, size: 1_000_000)
    expect(calls[:failed]).to include(code: 5, message: "no sööch: 100 %")
    expect(calls[:failed][:trailers]).to include("x-why-bin": [0, 255])
    expect(calls[:failed][:trailers]).not_to include(:"content-length")
    expect(calls.slice(:collect, :expand, :chat).transform_values { |call| call[:replies] })
      .to eq(collect: "a,b,c", expand: ["message 0", "message 1", "message 2"], chat: %w[one two three])
  ensure
    backend&.stop
  end
end
