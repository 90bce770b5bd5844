# frozen_string_literal: true

require "support/integration"

# The proxy in front is 127.0.0.1; it tells of clients in 192.0.2.0/24.
RSpec.describe "bind with proxy_protocol" do
  signature = "\r\n\r\n\0\r\nQUIT\n".b
  v1 = "PROXY TCP4 192.0.2.7 198.51.100.1 52114 443\r\n"
  v2 = signature + [0x21, 0x11, 12, 192, 0, 2, 7, 198, 51, 100, 1, 52_114, 443].pack("CCnC8nn")
  request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

  def start_behind(trusted = ["127.0.0.1"], bind: "http://127.0.0.1:0", **options, &more)
    @backend = start_backend
    start_proxy(to: @backend, bind: nil, headers: { "Seen" => { rewrite: "{addr}" } }) do
      bind bind, proxy_protocol: true, **options
      log_level :error
      trusted_proxies(*trusted)
      instance_exec(&more) if more
    end
  end

  # The client that a backend is told of by a connection that begins with these bytes.
  def seen(proxy, header, fields = "")
    client = proxy.connect
    client.write("#{header}GET / HTTP/1.1\r\nHost: a\r\n#{fields}Connection: close\r\n\r\n".b)
    expect(client.read_response.status).to eq(200)
    @backend.requests.last["Seen"]
  end

  def ours(proxy, header, fields = "") = seen(proxy, header, fields).then { @backend.requests.last }

  it "takes the client from a header of either version" do
    proxy = start_behind

    v6 = signature + [0x21, 0x21, 36, *Array.new(15, 0x20), 7, *Array.new(15, 0), 1, 52_114, 443].pack("CCnC32nn")
    {
      v1 => "192.0.2.7",
      "PROXY TCP6 2001:db8::7 ::1 52114 443\r\n" => "2001:db8::7",
      "PROXY TCP6 ::ffff:192.0.2.7 ::1 52114 443\r\n" => "192.0.2.7",
      v2 => "192.0.2.7",
      v6 => "2020:2020:2020:2020:2020:2020:2020:2007"
    }.each { |header, client| expect(seen(proxy, header)).to eq(client) }
  end

  it "tells backends of the client and of the port that it came to" do
    sent = ours(start_behind, v1, "X-Forwarded-For: 6.6.6.6\r\n")
    expect([sent.all("X-Forwarded-For"), sent["X-Real-IP"], sent["X-Forwarded-Port"]])
      .to eq([["192.0.2.7"], "192.0.2.7", "443"])
  end

  it "takes exactly the header, however it comes" do
    proxy = start_behind

    [v1, v2].each do |header|
      client = proxy.connect
      header.each_char { |byte| client.write(byte) }
      2.times { client.write(request) }
      2.times { expect(client.read_response.status).to eq(200) }
      whole = proxy.connect
      whole.write(header + request + request)
      2.times { expect(whole.read_response.status).to eq(200) }
      client.close
      whole.close
    end
    expect(@backend.requests.map { |sent| sent["Seen"] }.uniq).to eq(["192.0.2.7"])
  end

  it "takes what the proxy in front asks itself for the proxy's own" do
    proxy = start_behind

    local = signature + [0x20, 0, 0].pack("CCn")
    ["PROXY UNKNOWN\r\n", local].each { |header| expect(seen(proxy, header)).to eq("127.0.0.1") }
    expect(seen(proxy, local, "X-Forwarded-For: 192.0.2.9\r\n")).to eq("192.0.2.9")
  end

  it "does not believe what somebody says whom the proxy in front does not know" do
    proxy = start_behind
    unspecified = signature + [0x21, 0, 0].pack("CCn")
    ["PROXY UNKNOWN\r\n", unspecified].each do |header|
      expect(seen(proxy, header, "X-Forwarded-For: 6.6.6.6\r\n")).to eq("127.0.0.1")
    end
  end

  it "looks at X-Forwarded-For if the client is a trusted proxy itself" do
    proxy = start_behind(["127.0.0.1", "192.0.2.7"])
    fields = "X-Forwarded-For: 6.6.6.6, 203.0.113.5\r\n"
    expect(seen(proxy, v1, fields)).to eq("203.0.113.5")
    expect(seen(proxy, v1.sub("192.0.2.7", "192.0.2.8"), fields)).to eq("192.0.2.8")
  end

  it "holds limits and lists against the client" do
    proxy = start_behind { deny_list "192.0.2.7" }
    client = proxy.connect
    client.write(v1 + request)
    expect(client.read_response.status).to eq(403)
    expect(seen(proxy, v1.sub("192.0.2.7", "192.0.2.8"))).to eq("192.0.2.8")
  end

  it "refuses those who are not trusted, and says so in the log" do
    backend = start_backend
    proxy = start_proxy_process("trusted_proxies '10.0.0.0/8'\nproxy backends: [#{backend.address.inspect}]",
                                bind: "http://127.0.0.1:0?proxy_protocol=true")
    [v1 + request, request].each do |bytes|
      client = proxy.connect
      begin
        client.write(bytes)
        expect(client).to be_closed
      rescue SystemCallError
        nil # A reset is a refusal too.
      end
    end
    expect(backend.connections).to eq(0)
    proxy.process
         .await_output(%r{warn http://127\.0\.0\.1:0: a connection from 127\.0\.0\.1 was refused: it comes from nobody in trusted_proxies})
  end

  it "refuses trusted ones without a header" do
    proxy = start_behind
    [request, "PROXY NONSENSE\r\n#{request}", v1.sub("443", "99999") + request].each do |bytes|
      client = proxy.connect
      client.write(bytes)
      answer = begin
        client.read_to_end
      rescue Errno::ECONNRESET
        ""
      end
      expect(answer).to eq("")
    end
    expect(@backend.connections).to eq(0)
  end

  it "waits for a header no longer than handshake_timeout" do
    proxy = start_behind { handshake_timeout 0.2 }
    silent = proxy.connect
    half = proxy.connect
    half.write(v1[0, 20])
    expect([silent, half]).to all(be_closed)
  end

  it "takes the header in front of TLS" do
    pair = certs.server("app.test")
    proxy = start_behind(bind: "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file)
    socket = TCPSocket.new("127.0.0.1", URI(proxy.url).port)
    socket.write(v2)
    context = OpenSSL::SSL::SSLContext.new.tap { |tls| tls.ca_file = certs.ca_file }
    tls = OpenSSL::SSL::SSLSocket.new(socket, context)
    tls.hostname = "app.test"
    tls.connect
    client = RawClient.new(tls)
    client.write(request)
    expect(client.read_response.status).to eq(200)
    sent = @backend.request
    expect([sent["Seen"], sent["X-Forwarded-Proto"]]).to eq(["192.0.2.7", "https"])
  end

  it "takes headers over a unix socket from those who may connect" do
    proxy = start_behind(["unix:"], bind: "unix://#{directory}/proxy.sock", mode: 0o600)
    expect(seen(proxy, v1)).to eq("192.0.2.7")
  end

  # HAProxy comes from 127.0.0.1, its client from 127.0.0.2.
  def through_haproxy(proxy, options)
    haproxy = start_haproxy("server us 127.0.0.1:#{URI(proxy.url).port} #{options}")
    host, port = haproxy.address.split(":")
    client = RawClient.new(TCPSocket.new(host, port.to_i, "127.0.0.2", 0))
    expect(client.get.status).to eq(200)
    @backend.requests.last["Seen"]
  end

  it "understands HAProxy" do
    proxy = start_behind
    ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"].each do |options|
      expect([options, through_haproxy(proxy, options)]).to eq([options, "127.0.0.2"])
    end
  end
end
