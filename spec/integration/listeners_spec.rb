# frozen_string_literal: true

require "support/integration"
require "support/tls_client"

# Sockets that the program opens itself and hands over.
RSpec.describe "listeners:" do
  def start(listeners, **options, &configuration)
    configuration ||= proc { static_response body: "ok" }
    @servers.push(Proxy.start(listeners: listeners, **options, &configuration)).last
  end

  def tcp = @sockets.push(TCPServer.new("127.0.0.1", 0)).last

  def unix(path = "#{directory}/a.sock") = @sockets.push(UNIXServer.new(path)).last

  def url_of(socket) = "http://127.0.0.1:#{socket.local_address.ip_port}"

  # A configuration with the bind of the socket, or without it.
  def with(body) = proc { bind "http://127.0.0.1:0"; bind "http://0.0.0.0:1"; static_response body: body }

  def without(body) = proc { bind "http://127.0.0.1:0"; static_response body: body }

  def get(url) = RawClient.request(url, "GET", "/").body

  def refused?(url)
    RawClient.connect(url).close
    false
  rescue Errno::ECONNREFUSED, Errno::ENOENT
    true
  end

  around do |example|
    @servers, @sockets = [], []
    example.run
  ensure
    @servers.each { |server| server.stop(timeout: 0) }
    @sockets.each(&:close)
  end

  it "serves on TCP and unix sockets in place of the binds, whose own are not opened" do
    raw = @sockets.push(Socket.new(:INET, :STREAM)).last
    raw.bind(Addrinfo.tcp("127.0.0.1", 0))
    raw.listen(5)
    number, first, second = tcp, tcp, unix
    server = start([first, second, raw, number.fileno]) do
      bind "http://203.0.113.1:1"
      static_response body: "ok"
    end
    expect(server.urls)
      .to eq([url_of(first), "unix://#{directory}/a.sock", url_of(raw), url_of(number)])
    expect(server.port).to eq(first.addr[1])
    expect(server.urls.map { |url| get(url) }).to eq(["ok"] * 4)
  end

  it "goes on when the program closes its own, and leaves that one and the file alone when it stops" do
    closed, kept, file = tcp, tcp, unix
    urls = [url_of(closed), url_of(kept), "unix://#{directory}/a.sock"]
    server = start([closed, kept, file])
    [closed, file].each(&:close)
    expect(urls.map { |url| get(url) }).to eq(["ok"] * 3)
    server.stop
    expect(urls.map { |url| refused?(url) }).to eq([true, false, true])
    expect(File.socket?("#{directory}/a.sock")).to be(true)
    expect(get(start([kept]).url)).to eq("ok")
  end

  it "takes the connections that were waiting" do
    socket = tcp
    client = RawClient.connect(url_of(socket))
    client.send_request("GET", "/")
    start([socket])
    expect(client.read_response.body).to eq("ok")
  end

  it "serves a socket with the options of its bind, by its URL, and opens the others" do
    pair = certs.server("app.test")
    secure, file = tcp, unix
    server = start({ "https://0.0.0.0:443" => secure, "unix:///run/nobody.sock" => file }) do
      bind "http://127.0.0.1:0"
      bind "https://0.0.0.0:443", certificate: pair.certificate_file, key: pair.key_file
      bind "unix:///run/nobody.sock?mode=606"
      static_response body: "ok"
    end
    own, https, path = server.urls
    expect([https, path]).to eq(["https://127.0.0.1:#{secure.addr[1]}", "unix://#{directory}/a.sock"])
    expect([get(own), get(path), TlsClient.connect(https).get.body]).to eq(["ok"] * 3)
    expect(File.stat("#{directory}/a.sock").mode & 0o777).to eq(0o606)
  end

  it "stands for the default bind where none is written" do
    expect(get(start({ "http://0.0.0.0:8080" => tcp }).url)).to eq("ok")
  end

  it "listens on those of binds: too" do
    socket = tcp
    server = start([socket], binds: ["http://127.0.0.1:0"]) { bind "http://203.0.113.1:1"; static_response body: "ok" }
    expect(server.urls.length).to eq(2)
    expect(server.urls.map { |url| get(url) }).to eq(%w[ok ok])
  end

  it "stays through reloads, open or closed by the program, and goes with its bind" do
    socket = tcp
    url = url_of(socket)
    server = start({ "http://0.0.0.0:1" => socket }, &with("first"))
    server.reload(&with("second"))
    expect(get(url)).to eq("second")
    socket.close
    server.reload(&with("third"))
    expect(get(url)).to eq("third")
    server.reload(&without("gone"))
    expect(refused?(url)).to be(true)
    message = %r{bind: http://0\.0\.0\.0:1: its listening socket was handed over and is closed}
    expect { server.reload(&with("fourth")) }.to raise_error(Proxy::BindError, message)
    expect(get(server.url)).to eq("gone")
  end

  it "is opened again by a reload that brings the bind back" do
    socket = tcp
    server = start({ "http://0.0.0.0:1" => socket }, &with("first"))
    server.reload(&without("gone"))
    client = RawClient.connect(url_of(socket))
    client.send_request("GET", "/")
    server.reload(&with("second"))
    expect(client.read_response.body).to eq("second")
  end

  it "gives a forked child nothing of the server's" do
    socket = tcp
    url = url_of(socket)
    server = start([socket])
    reader, writer = IO.pipe
    pid = fork do
      socket.close
      writer.write(".")
      sleep
    end
    reader.read(1)
    socket.close
    expect(get(url)).to eq("ok")
    server.stop
    expect(refused?(url)).to be(true)
  ensure
    Process.kill(:KILL, pid) && Process.wait(pid)
  end

  it "is stopped at the end of Proxy.run" do
    socket = tcp
    url = url_of(socket)
    expect(Proxy.run(proc { static_response body: "ok" }, listeners: [socket]) { |server| get(server.url) }).to eq("ok")
    socket.close
    expect(refused?(url)).to be(true)
  end

  describe "that are wrong" do
    def wrong(listeners, &configuration)
      start(listeners, &configuration)
    rescue ArgumentError, Proxy::BindError => error
      error.message
    end

    it "are refused with what to write, and nothing is bound" do
      connected = TCPSocket.new("127.0.0.1", tcp.addr[1])
      idle = @sockets.push(Socket.new(:INET, :STREAM)).last
      datagrams = @sockets.push(UDPSocket.new).last
      abstract = @sockets.push(UNIXServer.new("\0proxy-spec-#{Process.pid}")).last
      closed = TCPServer.new("127.0.0.1", 0).tap(&:close)
      twice = tcp
      {
        "http://127.0.0.1:0" => "listeners must be an Array of sockets, or a Hash from the URL of a bind to its " \
                                "socket, " \
                                "not a String",
        ["http://127.0.0.1:0"] => 'listeners: "http://127.0.0.1:0" is a String: write a socket that listens, such as ' \
                                  'TCPServer.new("127.0.0.1", 0), or its number',
        [nil] => "listeners: nil is nil: write a socket",
        [connected] => "listeners: #{connected.inspect} does not listen: call listen first",
        [idle] => "listeners: #{idle.inspect} does not listen",
        [datagrams] => "listeners: #{datagrams.inspect} does not listen",
        [abstract] => "listeners: #{abstract.inspect} has no path",
        [$stderr] => "listeners: #<IO:<STDERR>> is no socket",
        [closed] => "listeners: #<TCPServer:(closed)> is closed: write one that is open",
        [99_999] => "listeners: 99999 is closed",
        [-1] => "listeners: -1 is closed",
        [twice, twice.fileno] => "listeners: #{url_of(twice)} is given twice: leave one of them out"
      }.each { |listeners, message| expect(wrong(listeners)).to start_with(message) }
    ensure
      connected&.close
    end

    it "are refused for a bind that is not there, or of another kind" do
      expect(wrong({ "http://a:1" => tcp }) { bind "http://127.0.0.1:0"; static_response body: "ok" })
        .to eq('listeners: no bind has the URL "http://a:1": write one of "http://127.0.0.1:0", or bind "http://a:1" ' \
               "in the configuration")
      socket = tcp
      expect(wrong({ "unix:///run/b.sock" => socket }) { bind "unix:///run/b.sock"; static_response body: "ok" })
        .to end_with("unix:///run/b.sock: the socket that is handed over for it listens at #{url_of(socket)}")
    end
  end
end
