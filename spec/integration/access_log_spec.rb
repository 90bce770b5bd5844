# frozen_string_literal: true

require "support/integration"

RSpec.describe "access_log" do
  # The lines that were written for the requests of the block.
  def logged(format, backend: start_backend)
    file = File.join(directory, "access.log")
    proxy = start_proxy(to: backend) do
      access_log format, to: file
    end
    yield proxy
    proxy.server.stop(timeout: 2)
    File.readlines(file, chomp: true)
  end

  it "combined writes the line that every log reader knows" do
    lines = logged("combined") { |proxy| proxy.get("/a?b=1", "User-Agent" => "spec/1", "Referer" => "http://r.test/") }
    expect(lines)
      .to match([%r{\A127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /a\?b=1 HTTP/1\.1" 200 2 "http://r\.test/" "spec/1"\z}])
  end

  it "json writes one object for each request" do
    lines = logged("json") { |proxy| 2.times { |i| proxy.get("/#{i}", "User-Agent" => "spec \"1\"") } }
    entries = lines.map { |line| JSON.parse(line) }
    expect(entries.map { |entry| entry["path"] }).to eq(["/0", "/1"])
    expect(entries)
      .to all(include("method" => "GET", "status" => 200, "addr" => "127.0.0.1", "user_agent" => 'spec "1"',
                      "bytes" => 2))
  end

  it "takes a string rewrite with names of the request and the response" do
    expect(logged("{method} {path} {status} {attempts}") { |proxy| proxy.get("/a") }).to eq(["GET /a 200 1"])
  end

  it "writes what a client sends on one line" do
    lines = logged("combined") { |proxy| proxy.get("/", "User-Agent" => "a\"b\\c\td") }
    expect(lines.size).to eq(1)
    expect(lines.first).not_to match(/[\x00-\x1f]/)
    expect(lines.first.scan(/(?<!\\)"/).size).to eq(6)
  end

  it "logs a failed request with what the client got" do
    expect(logged("{status}", backend: refusing_backend, &:get)).to eq(["502"])
  end

  it "logs a client that went away as 499" do
    backend = start_backend { |connection| connection.read_request && connection.read_to_end }
    lines = logged("{status}", backend: backend) do |proxy|
      client = proxy.connect
      client.send_request("GET", "/")
      backend.await_requests(1)
      client.reset
      backend.await_open_connections(0)
    end
    expect(lines).to eq(["499"])
  end

  it "logs what a client that speaks plain HTTP wanted where TLS is spoken" do
    file = File.join(directory, "access.log")
    pair = certs.server("app.test")
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file
      access_log "{status} {method} {path} {User-Agent}", to: file
      static_response body: "ok"
    end
    client = RawClient.connect(proxy.url)
    client.write("GET /plain HTTP/1.1\r\nHost: a\r\nUser-Agent: tool\r\n\r\n")
    expect(client.read_response.status).to eq(400)
    proxy.server.stop(timeout: 2)
    expect(File.readlines(file, chomp: true)).to eq(["400 GET /plain tool"])
  end

  it "appends to the file" do
    File.write(File.join(directory, "access.log"), "before\n")
    expect(logged("{path}") { |proxy| proxy.get("/a") }).to eq(["before", "/a"])
  end

  it "goes to standard output without to:" do
    proxy = start_proxy_process("access_log '{path} served'\nproxy backends: [#{start_backend.address.inspect}]")
    proxy.get("/a")
    proxy.process.await_output(%r{^/a served$})
  end

  it "keeps Authorization and Cookie out of every format" do
    %w[combined json].each do |format|
      lines = logged(format) { |proxy| proxy.get("/", "Authorization" => "Basic c2VjcmV0", "Cookie" => "id=c2VjcmV0") }
      expect(lines.join).not_to include("c2VjcmV0")
    end
  end
end
