# frozen_string_literal: true

require "support/integration"
require "support/raw_http2_client"

RSpec.describe "a client of HTTP/2 that reads slowly", time_limit: 60 do
  def connect(url, **options) = started_client(RawHttp2Client.new(url, **options))

  def started_client(client) = client.tap { (@clients ||= []) << client }

  after { @clients&.each(&:close) }

  # A proxy before a backend with a long body, and a folder with a long file.
  def start_with(scheme, length: 20_000_000, &more)
    folder = directory
    File.binwrite("#{folder}/large.bin", "x" * length)
    address = backend_answering("x" * length).address
    pair = certs.server("127.0.0.1") if scheme == "https"
    start_proxy do
      client_body_timeout 2
      bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file if pair
      instance_exec(&more) if more
      location("/files/*") { static_files root: folder, try_files: ["{path|strip_prefix:/files}"] }
      proxy backends: [address]
    end
  end

  def url_of(proxy, scheme) = proxy.server.urls.find { |url| url.start_with?("#{scheme}:") }

  %w[http https].product({ "a file" => "/files/large.bin", "a backend's response" => "/app" }.to_a)
                .each do |scheme, (what, path)|
    it "but steadily gets the whole of #{what} by #{scheme}, however short the limit of silence is" do
      client = connect(url_of(start_with(scheme), scheme))
      client.get(1, path)
      client.read_slowly(40)
      client.read_until_end_of(1)
      expect(client.bodies).to eq(1 => 20_000_000)
    end
  end

  %w[http https].each do |scheme|
    it "and then not at all loses its connection by #{scheme}" do
      proxy = start_with(scheme)
      client = connect(url_of(proxy, scheme))
      client.get(1, "/files/large.bin")
      client.read_slowly(3)
      # Its system goes on taking bytes for a while: it finds room by packing what it has.
      eventually(limit: 20) { expect(proxy.stats.dig(:connections, :active)).to eq(0) }
      client.read_until_end_of(1)
      expect(client.bodies[1]).to be < 20_000_000
    end
  end

  it "does not keep a stream alive whose window it never opens" do
    proxy = start_with("http")
    client = connect(proxy.url, window: 0)
    client.get(1, "/files/large.bin")
    client.get(3, "/files/large.bin")
    client.enlarge(3, RawHttp2Client::LARGEST_WINDOW)
    client.read_slowly(1, most: 32_768, pause: 0.05) until client.ends.any?
    expect(client.ends).to match(1 => [:reset, anything])
    client.read_until_end_of(3)
    expect(client.bodies).to eq(3 => 20_000_000)
  end

  it "may send a body, of whose window it hears late" do
    folder = directory
    File.binwrite("#{folder}/large.bin", "x" * 20_000_000)
    backend = start_backend { |connection| connection.answer(connection.read_request.body.bytesize.to_s) }
    proxy = start_proxy do
      client_body_timeout 1
      location("/upload") { proxy backends: [backend.address] }
      static_files root: folder
    end
    client = connect(proxy.url)
    client.read(1_000) until client.windows[0] > 200_000
    client.get(1, "/large.bin")
    client.read_slowly(10, pause: 0.01)
    client.post(3, "/upload")
    rest = client.send_body(3, "x" * 300_000)
    expect(rest).not_to be_empty
    client.read_slowly(40)
    rest = client.send_body(3, rest) while client.read(1_000_000) && !client.ends[3]
    expect(client.ends).to include(3 => [:whole, anything])
    expect(client.bodies[3]).to eq(6)
  end

  it "is not idle while it takes the rest of a response that our system has" do
    proxy = start_with("http", length: 600_000) { keepalive_timeout 1 }
    client = connect(proxy.url)
    client.get(1, "/app")
    20.times do
      client.read_slowly(2, most: 8_192, pause: 0.1)
      # A connection that was closed would be reset by this.
      client.enlarge(0, 1)
    end
    client.read_until_end_of(1)
    expect(client.bodies).to eq(1 => 600_000)
  end
end
