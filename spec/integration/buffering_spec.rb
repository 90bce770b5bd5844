# frozen_string_literal: true

require "support/integration"
require "support/rack_server"

RSpec.describe "slow clients" do
  def mebibyte = 1024 * 1024

  # Bytes that show where some are missing.
  def pattern(length) = (Digest::SHA512.digest("pattern") * (length / 64 + 1)).byteslice(0, length)

  # A Puma with three threads. `/long` answers with as many bytes as it is asked for, all else with its number.
  def puma_with_three_threads
    server = RackServer.new(<<~RUBY, threads: "3:3")
      require "digest"
      count = Queue.new
      run lambda { |env|
        length = env["QUERY_STRING"].to_i
        piece = Digest::SHA512.digest("pattern")
        body = length.zero? ? env["rack.input"].read.bytesize.to_s : (piece * (length / 64 + 1)).byteslice(0, length)
        headers = { "content-type" => "text/plain", "x-accel-buffering" => env["HTTP_X_WANTED"] }.compact
        [200, headers.merge("content-length" => body.bytesize.to_s), [body]]
      }
    RUBY
    @servers = [*@servers, server]
    server.url.delete_prefix("http://")
  end

  after { @servers&.each(&:stop) }

  # A client that asks for a long response and takes hardly anything before it is told to read.
  def slow_client(proxy, length, headers = {}, room: 32_768)
    uri = URI(proxy.url)
    socket = Socket.new(:INET, :STREAM)
    socket.setsockopt(:SOCKET, :RCVBUF, room)
    socket.connect(Addrinfo.tcp(uri.hostname, uri.port))
    RawClient.new(socket).tap { |client| client.send_request("GET", "/long?#{length}", headers) }
  end

  def backend(proxy) = proxy.stats[:backends].first

  it "leave the threads of Puma free, and get every byte" do
    proxy = start_proxy(to: puma_with_three_threads, buffering: { disk: 64 * mebibyte, path: Dir.tmpdir })
    length = 16 * mebibyte
    slow = Array.new(6) { slow_client(proxy, length) }

    eventually(limit: 10) { expect(backend(proxy)).to include(requests: 6, in_flight: 0) }
    expect(proxy.stats[:requests][:in_flight]).to eq(6)
    expect(proxy.post("/", "four").body).to eq("4")
    slow.each { |client| expect(client.read_response.body == pattern(length)).to be(true) }
    expect(slow.first.get.status).to eq(200)
  end

  it "keep the threads of Puma where nothing is taken in" do
    length = 16 * mebibyte
    [{ buffering: false }, {}].zip([{}, { "X-Wanted" => "no" }]).each do |options, headers|
      proxy = start_proxy(to: puma_with_three_threads, **options)
      slow = Array.new(3) { slow_client(proxy, length, headers) }
      slow.each { |client| client.read_head }
      other = proxy.connect
      other.send_request("GET", "/")

      eventually { expect(backend(proxy)).to include(requests: 4, in_flight: 4) }
      expect(other.io.wait_readable(0.5)).to be_nil
      slow.each(&:close)
      expect(other.read_response.status).to eq(200)
    end
  end

  it "are served from memory up to buffer_size" do
    proxy = start_proxy(to: puma_with_three_threads, buffer_size: 16 * mebibyte)
    slow = Array.new(3) { slow_client(proxy, 16 * mebibyte) }

    eventually(limit: 10) { expect(backend(proxy)).to include(requests: 3, in_flight: 0) }
    slow.each { |client| expect(client.read_response.body == pattern(16 * mebibyte)).to be(true) }
  end

  it "leave the only thread of an application in this process free" do
    proxy = start_proxy do
      run ->(env) { [200, { "content-length" => env["QUERY_STRING"] }, ["x" * env["QUERY_STRING"].to_i]] },
          threads: 1, queue: 10
    end
    slow = slow_client(proxy, 350_000, room: 4_096)

    expect(proxy.get("/?4").body).to eq("xxxx")
    expect(slow.read_response.body.bytesize).to eq(350_000)
  end

  it "upload before a backend is chosen" do
    proxy = start_proxy(to: puma_with_three_threads, request_buffering: { path: Dir.tmpdir })
    body = pattern(3 * mebibyte)
    slow = Array.new(4) do
      proxy.connect.tap do |client|
        client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: #{body.bytesize}\r\n\r\n"
        client.write body.byteslice(0, 2 * mebibyte)
      end
    end
    eventually { expect(proxy.stats[:requests][:in_flight]).to eq(4) }

    expect(proxy.post("/", "four").body).to eq("4")
    expect(backend(proxy)).to include(requests: 1)
    slow.each { |client| client.write body.byteslice(2 * mebibyte..) }
    expect(slow.map { |client| client.read_response.body }).to eq([body.bytesize.to_s] * 4)
  end

  it "get what the configuration says about them checked" do
    expect { start_proxy(to: "127.0.0.1:1", buffering: { disk: -1 }) }.to raise_error(
      Proxy::ConfigurationError, /buffering: disk: -1 is negative/
    )
    expect { start_proxy(to: "127.0.0.1:1", buffering: { path: "/nowhere/at/all" }) }.to raise_error(
      Proxy::ConfigurationError, /buffering: path: "\/nowhere\/at\/all" cannot be used/
    )
    expect { start_proxy(to: "127.0.0.1:1", request_buffering: 1000) }.to raise_error(
      Proxy::ConfigurationError, /request_buffering: 1000 is an Integer: write \{ disk: 1000 \}/
    )
  end
end
