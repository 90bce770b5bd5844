# frozen_string_literal: true

require "open3"
require "support/integration"

RSpec.describe "Clients that speak HTTP/2" do
  # What a command prints on both channels. It has to end well.
  def run(*command, input: nil)
    output, status = Open3.capture2e(*command, stdin_data: input)
    expect(status).to be_success, "#{command.join(" ")}: #{output}"
    output
  end

  def curl(url, *arguments, **options)
    run("curl", "--silent", "--show-error", "--max-time", "10", "--http2-prior-knowledge", *arguments, url, **options)
  end

  it "are answered over plain connections if they know beforehand that they may: curl" do
    proxy = start_proxy(to: puma)
    answer = curl("#{proxy.url}/a?b=1", "--include")
    expect(answer).to start_with("HTTP/2 200")
    expect(JSON.parse(answer[/\{.*/m])).to include("method" => "GET", "path" => "/a", "query" => "b=1")
    expect(answer).not_to match(/^(connection|transfer-encoding|keep-alive):/i)
  end

  it "send bodies and get streams: curl" do
    proxy = start_proxy(to: puma)
    body = Random.new(1).bytes(1_000_000)
    answer = JSON.parse(curl("#{proxy.url}/digest", "--data-binary", "@-", input: body))
    expect(answer).to eq("size" => body.bytesize, "sha256" => Digest::SHA256.hexdigest(body))
    expect(curl("#{proxy.url}/stream?n=3")).to eq("piece 0\npiece 1\npiece 2\n")
    expect(curl(proxy.url, "--head")).to start_with("HTTP/2 200")
  end

  it "are served HTTP/1.1 when they offer to switch: curl" do
    proxy = start_proxy(to: puma)
    answer = run("curl", "--silent", "--max-time", "10", "--http2", "--include", proxy.url)
    expect(answer).to start_with("HTTP/1.1 200")
  end

  it "find files of any size whole: nghttp" do
    body = Random.new(2).bytes(3_000_000)
    proxy = start_proxy(to: backend_answering(body))
    verbose = run("nghttp", "--verbose", "--null-out", "--window-bits=16", "#{proxy.url}/large")
    expect(verbose).to include(":status: 200", "content-length: 3000000", "[SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1]")
    expect(verbose.scan(/DATA frame <length=(\d+)/).sum { |(length)| length.to_i }).to eq(body.bytesize)
  end

  it "get ten thousand answers over one connection: h2load" do
    proxy = start_proxy { static_response code: 200, body: "hello" }
    report = run("h2load", "--requests=10000", "--clients=1", "--max-concurrent-streams=100", proxy.url)
    expect(report).to include("10000 succeeded, 0 failed, 0 errored, 0 timeout", "status codes: 10000 2xx")
    expect(proxy.stats.dig(:connections, :accepted)).to eq(1)
  end

  it "are told to go when the server stops, and lose nothing: h2load" do
    proxy = start_proxy(to: puma)
    load = in_background { run("h2load", "--duration=1", "--clients=4", "--max-concurrent-streams=10", proxy.url) }
    eventually { expect(proxy.stats.dig(:requests, :total)).to be > 50 }
    expect(proxy.server.stop(timeout: 10)).to be(true)
    expect(load.value).to include(" 0 4xx, 0 5xx")
  end
end
