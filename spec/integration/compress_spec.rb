# frozen_string_literal: true

require "open3"
require "support/integration"
require "zlib"

RSpec.describe "the filter compress" do
  html = { "Content-Type" => "text/html; charset=utf-8" }
  all = %w[zstd br gzip].freeze

  # A page of so many bytes.
  def page(bytes)
    rows = Array.new(bytes / 30 + 1) { |row| "<tr><td>#{row}</td><td>#{row * 7919 % 9973}</td></tr>\n" }
    rows.join.byteslice(0, bytes)
  end

  # A backend that answers one request on each connection, so that none is idle for long.
  def answering_once(body)
    start_backend do |connection|
      connection.read_request
      connection.answer(body, { "Content-Type" => "text/html; charset=utf-8", "Connection" => "close" })
    end
  end

  # The head and the decoded body that curl gets, with libraries of its own.
  def curl(url, coding, *options)
    output, error, status = Open3.capture3("curl", "-sS", "-i", "--http1.1", "--compressed", "-H",
                                           "Accept-Encoding: #{coding}", *options, url, binmode: true)
    raise error unless status.success?

    head, _, body = output.partition("\r\n\r\n")
    [head.lines("\r\n", chomp: true).drop(1).to_h { |line| line.split(": ", 2) }.transform_keys(&:downcase), body]
  end

  # The next chunk of a body.
  def read_chunk(client)
    client.read(client.read_line.to_i(16)).tap { client.read(2) }
  end

  it "is decoded by curl to what the backend sent, for bodies of every size", time_limit: 120 do
    [1, 1_023, 1_024, 32_768, 100_000, 10_000_000].each do |bytes|
      body = page(bytes)
      proxy = start_proxy(to: answering_once(body)) { compress min_size: 0 }
      all.each do |coding|
        head, decoded = curl(proxy.url, coding)

        expect([head["content-encoding"], head["vary"], head["content-length"]]).to eq([coding, "Accept-Encoding", nil])
        expect(decoded == body.b).to be(true), "#{bytes} bytes in #{coding} are others"
      end
    end
  end

  it "compresses over HTTP/2" do
    body = page(200_000)
    proxy = start_proxy(to: backend_answering(body, html)) { compress }
    all.each do |coding|
      head, decoded = curl(proxy.url, coding, "--http2-prior-knowledge")

      expect([head["content-encoding"], decoded == body.b]).to eq([coding, true])
    end
  end

  it "offers what is written, at the level that is written" do
    backend = backend_answering(page(50_000), html)
    lengths = [1, 9].map do |level|
      proxy = start_proxy(to: backend) { compress encodings: [:gzip], level: { gzip: level }, breach: false }
      response = proxy.get("/", "Accept-Encoding" => "zstd, br, gzip")
      expect(response["Content-Encoding"]).to eq("gzip")
      response.body.bytesize
    end

    expect(lengths[1]).to be < lengths[0]
  end

  it "leaves other types, short bodies, and clients that are known, as it is told" do
    backend = backend_answering(page(2_000), html.merge("ETag" => '"a"'))
    untouched = { css: { types: "text/css" }, long: { min_size: 2_001 }, guard: { breach: :guard } }
    untouched.each_value do |options|
      proxy = start_proxy(to: backend) { compress(**options) }
      response = proxy.get("/", "Accept-Encoding" => "gzip", "Cookie" => "session=1")

      expect([response["Content-Encoding"], response["ETag"], response.body]).to eq([nil, '"a"', page(2_000)])
    end
    proxy = start_proxy(to: backend) { compress }
    response = proxy.get("/", "Accept-Encoding" => "gzip", "Cookie" => "session=1")
    expect([response["Content-Encoding"], response["ETag"]]).to eq(["gzip", 'W/"a"'])
  end

  it "does not tell backends that it compresses if it is told so" do
    proxy = start_proxy(to: puma) { compress strip_accept_encoding: true }
    head, body = curl("#{proxy.url}/?#{"x" * 2_000}", "br")

    expect(head["content-encoding"]).to eq(nil).or eq("br")
    expect(JSON.parse(body)["headers"].keys).not_to include("accept-encoding")
  end

  it "compresses what an application in this process, a static response and an error say" do
    body = page(5_000)
    application = ->(_env) { [200, { "content-type" => "text/html" }, [body]] }
    proxy = start_proxy do
      compress
      location("/app") { run application }
      location("/static") { static_response body: body, headers: html }
      location("/error") do
        allow_list "192.0.2.1", error_response: { status: 403, html: { inline: body }, plaintext: body }
        static_response body: "never"
      end
    end
    %w[/app /static /error].product(all).each do |path, coding|
      head, decoded = curl("#{proxy.url}#{path}", coding)

      expect([head["content-encoding"], decoded == body]).to eq([coding, true]), path
    end
  end

  it "has Vary on a 304 and on a part if the whole has it" do
    sizes = { "short.txt" => 1_000, "long.txt" => 2_000, "long.png" => 2_000, "long.txt.gz" => 2_000 }
    sizes.each { |name, size| File.write("#{directory}/#{name}", page(size)) }
    root = directory
    backend = start_backend do |connection|
      while (request = connection.read_request)
        type = request.target.end_with?("png") ? "image/png" : "text/plain"
        body = page(sizes.fetch(request.target.split("/").last))
        fields = { "Content-Type" => type, "Cache-Control" => "max-age=60" }
        fields["ETag"] = '"a"' if request.target.start_with?("/cached")
        connection.answer(body, fields)
      end
    end
    proxy = start_proxy do
      compress
      location("/cached/*") do
        cache
        proxy backends: [backend.address]
      end
      location("/tagged/*") do
        etag
        proxy backends: [backend.address]
      end
      static_files root: root
    end
    varies = lambda do |path, status, fields|
      answer = proxy.get(path, fields)
      expect(answer.status).to eq(status), "#{path} #{fields}"
      !answer["Vary"].nil?
    end
    ["", "/cached", "/tagged"].product(%w[/short.txt /long.txt /long.png]).each do |path|
      path = path.join
      tag = proxy.get(path)["ETag"]
      expected = path.end_with?("/long.txt")
      told = [varies.(path, 200, {}), varies.(path, 304, { "If-None-Match" => tag })]
      unless path.start_with?("/tagged")
        told += %w[bytes=0-1 bytes=0-1,500-501].map { |range| varies.(path, 206, { "Range" => range }) }
      end
      expect(told.uniq).to eq([expected]), path
    end
  end

  it "passes server-sent events on as they are, each within 5 ms" do
    go = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\n" \
                       "Transfer-Encoding: chunked\r\n\r\n")
      while go.pop
        connection.write("9\r\ndata: a\n\n\r\n")
      end
    end
    proxy = start_proxy(to: backend) { compress }
    client = proxy.connect
    client.write("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br, zstd\r\n\r\n")
    expect(client.read_head["Content-Encoding"]).to be_nil
    times = Array.new(21) do
      seconds do
        go << true
        expect(read_chunk(client)).to eq("data: a\n\n")
      end
    end
    go << nil

    expect(times.sort[10]).to be < 0.005
  end

  it "sends each piece of a page when it is there" do
    go = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
      while (piece = go.pop)
        connection.write("#{piece.bytesize.to_s(16)}\r\n#{piece}\r\n")
      end
    end
    proxy = start_proxy(to: backend) { compress encodings: "gzip", breach: false }
    client = proxy.connect
    client.write("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
    client.read_head
    inflate = Zlib::Inflate.new(Zlib::MAX_WBITS + 16)
    %w[<html> <body> <p>hello</p>].each do |piece|
      go << piece
      decoded = +""
      decoded << inflate.inflate(read_chunk(client)) until decoded.bytesize >= piece.bytesize
      expect(decoded).to eq(piece)
    end
    go << nil
  end

  it "is read by a browser", time_limit: 120 do
    script = "<script>onload = () => { const entry = performance.getEntriesByType('navigation')[0]; " \
             "document.title = entry.encodedBodySize < entry.decodedBodySize ? 'compressed' : 'plain' }</script>"
    body = "<!doctype html><title>-</title>#{script}<table>#{page(60_000)}</table><p>the end</p>"
    options = %w[--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking
                 --disable-component-update --disable-sync --disable-extensions --dump-dom]
    backend = answering_once(body)
    all.each do |coding|
      proxy = start_proxy(to: backend) { compress encodings: [coding] }
      url = "http://localhost:#{URI(proxy.url).port}/"
      dom, status = Open3.capture2("chromium", *options, "--user-data-dir=#{directory}/#{coding}", url,
                                   err: File::NULL)

      expect(status).to be_success
      expect([coding, dom[%r{<title>(.*)</title>}, 1], dom.include?("<p>the end</p>")])
        .to eq([coding, "compressed", true])
    end
  end
end
