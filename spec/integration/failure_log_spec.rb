# frozen_string_literal: true

require "support/integration"

# What a proxy with this configuration logs of requests that fail at a backend.
RSpec.describe "the log of failures" do
  def warnings(proxyfile)
    proxy = start_proxy_process(proxyfile)
    yield proxy
    proxy.process.signal(:TERM)
    proxy.process.wait
    proxy.process.output.scan(/^\S+ warn (.*)$/).flatten.map { |line| line.sub(/request_id=\h+ /, "") }
  end

  it "has one line for a request to one backend that refuses it, however often it was tried" do
    address = refusing_backend.address
    expect(warnings("proxy backends: [#{address.inspect}], retries: 3", &:get))
      .to eq(["GET /: cannot connect to #{address}: Connection refused (os error 111)"])
  end

  it "has one line for a request that fails at several, and one for each that comes last from now on" do
    addresses = Array.new(2) { refusing_backend.address }
    lines = warnings("proxy backends: #{addresses.inspect}, backend_priority: :ordered", &:get)
    expect(lines.grep(/GET/)).to eq(["GET /: #{addresses.map { |address| "cannot connect to #{address}: Connection refused (os error 111)" }.join("; ")}"])
    expect(lines.grep(/upstream/)).to eq(addresses.map { |address|
      "upstream #{addresses[0]}: #{address} cannot be connected to (connection refused): it comes last until it can"
    })
    expect(lines.length).to eq(3)
  end

  it "says who answered in the end" do
    leaving = start_backend { |connection| connection.read_request && connection.close }.address
    good = backend_answering("good").address
    expect(warnings("proxy backends: [#{leaving.inspect}, #{good.inspect}], backend_priority: :ordered", &:get))
      .to eq(["GET /: #{leaving}: the connection ended too early; answered by #{good}"])
  end
end
