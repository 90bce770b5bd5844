# frozen_string_literal: true

require "support/integration"

RSpec.describe "x_sendfile" do
  before do
    FileUtils.mkdir_p("#{directory}/storage/sub")
    File.write("#{directory}/storage/report.pdf", "0123456789")
    File.write("#{directory}/storage/sub/a b.txt", "a b")
    File.write("#{directory}/secret", "the secret")
    File.symlink("../secret", "#{directory}/storage/out")
  end

  # A backend that answers every request with the given headers, and with a body that nobody is to see.
  def naming(headers, body: "the backend's own body", status: "200 OK")
    start_backend do |connection|
      while (request = connection.read_request)
        connection.answer(request.method_name == "HEAD" ? nil : body,
                          { "Content-Length" => body.bytesize, **headers }, status: status)
      end
    end
  end

  it "sends the file that the backend names, with the backend's headers" do
    backend = naming({ "X-Sendfile" => "#{directory}/storage/report.pdf", "Content-Type" => "application/x-own",
                       "Content-Disposition" => "attachment", "Set-Cookie" => "a=b",
                       "Date" => "Tue, 01 Jan 2030 00:00:00 GMT" })
    client = start_proxy(to: backend, x_sendfile: "#{directory}/storage").connect
    answer = client.get("/download")
    expect([answer.status, answer.body, answer["Content-Length"]]).to eq([200, "0123456789", "10"])
    expect(%w[Content-Type Content-Disposition Set-Cookie].map { |name| answer[name] })
      .to eq(["application/x-own", "attachment", "a=b"])
    expect(answer["X-Sendfile"]).to be_nil
    expect(answer.all("Date")).to eq(["Tue, 01 Jan 2030 00:00:00 GMT"])
    expect([answer["ETag"], answer["Last-Modified"], answer["Accept-Ranges"]]).to all(be_a(String))
    part = client.get("/download", "Range" => "bytes=2-4")
    expect([part.status, part["Content-Range"], part.body]).to eq([206, "bytes 2-4/10", "234"])
    expect(client.get("/download", "If-None-Match" => answer["ETag"]).status).to eq(304)
    head = client.request("HEAD", "/download")
    expect([head.status, head["Content-Length"], head.body]).to eq([200, "10", ""])
  end

  it "keeps the validators and the status of the backend" do
    backend = naming({ "X-Sendfile" => "#{directory}/storage/report.pdf", "ETag" => '"own"' }, status: "203 Other")
    answer = start_proxy(to: backend, x_sendfile: "#{directory}/storage").get("/", "If-None-Match" => '"own"')
    expect([answer.status, answer["ETag"], answer.body]).to eq([203, '"own"', "0123456789"])
  end

  it "tells the backend, in place of the client" do
    backend = naming({})
    client = { "X-Sendfile-Type" => "X-Accel-Redirect", "X-Accel-Mapping" => "/=/" }
    told = lambda do |**options|
      start_proxy(to: backend, **options).get("/", client)
      backend.requests.last.then { |request| [request["X-Sendfile-Type"], request["X-Accel-Mapping"]] }
    end
    folder = "#{directory}/storage"
    expect(told.()).to eq([nil, nil])
    expect(told.(x_sendfile: folder)).to eq(["X-Sendfile", nil])
    expect(told.(x_sendfile: { "/files" => folder })).to eq(["X-Accel-Redirect", "#{folder}/=/files/"])
  end

  it "sends nothing from elsewhere, and no body of the backend" do
    folder = "#{directory}/storage"
    elsewhere = ["#{directory}/secret", "#{folder}/../secret", "#{folder}/out", "/etc/passwd", "secret", "",
                 "#{folder}2", "/proc/self/environ", "#{folder}/sub/../../secret"]
    uris = ["/files/../secret", "/files/%2e%2e/secret", "/files/out", "/filesx", "/etc/passwd", "/files/..%2fsecret"]
    names = elsewhere.map { |name| ["X-Sendfile", name] } + uris.map { |name| ["X-Accel-Redirect", name] }
    names.each do |field, name|
      proxy = start_proxy(to: naming({ field => name }), x_sendfile: { "/files" => folder })
      answer = proxy.get("/")
      expect([502, 404]).to include(answer.status), "#{field}: #{name}"
      expect(answer.body).not_to include("secret")
      expect(answer.body).not_to include("own body")
      expect(answer[field]).to be_nil
    end
  end

  it "passes an answer without content on as it is" do
    proxy = start_proxy(to: naming({ "X-Sendfile" => "#{directory}/storage/report.pdf" }, body: "", status: "204 None"),
                        x_sendfile: "#{directory}/storage")
    expect(proxy.get("/").then { |answer| [answer.status, answer["X-Sendfile"], answer.body] }).to eq([204, nil, ""])
  end

  it "answers 404 for a file that is not there" do
    proxy = start_proxy(to: naming({ "X-Sendfile" => "#{directory}/storage/none" }), x_sendfile: "#{directory}/storage")
    expect(proxy.get("/").status).to eq(404)
  end

  it "takes URIs as nginx does" do
    folder = "#{directory}/storage"
    { "/files/report.pdf" => "0123456789", "/files/sub/a%20b.txt" => "a b", "/deep/a b.txt" => "a b" }
      .each do |uri, body|
        proxy = start_proxy(to: naming({ "X-Accel-Redirect" => uri }),
                            x_sendfile: { "/files" => folder, "/deep/" => "#{folder}/sub" })
        expect(proxy.get("/").body).to eq(body), uri
      end
  end

  it "finds a folder by its other name" do
    File.symlink("storage", "#{directory}/current")
    proxy = start_proxy(to: naming({ "X-Sendfile" => "#{directory}/storage/report.pdf" }),
                        x_sendfile: "#{directory}/current")
    expect(proxy.get("/").body).to eq("0123456789")
  end

  it "never passes the names on" do
    headers = { "X-Sendfile" => "/etc/passwd", "X-Accel-Redirect" => "/files/a", "X-Lighttpd-Send-File" => "/a" }
    answer = start_proxy(to: naming(headers)).get("/")
    expect([answer.status, answer.body]).to eq([200, "the backend's own body"])
    expect(headers.keys.map { |name| answer[name] }).to eq([nil, nil, nil])
  end

  it "frees the backend before the client has taken the file" do
    File.truncate("#{directory}/storage/report.pdf", 100_000_000)
    backend = naming({ "X-Sendfile" => "#{directory}/storage/report.pdf" })
    proxy = start_proxy(to: backend, x_sendfile: "#{directory}/storage", max_connections: 1, queue: 0)
    slow = proxy.connect
    slow.send_request("GET", "/")
    expect(slow.io.readpartial(20)).to start_with("HTTP/1.1 200")
    expect(proxy.request("HEAD", "/").status).to eq(200)
    expect(backend.requests.length).to eq(2)
  end

  it "serves what Rack::Sendfile names" do
    File.write("#{directory}/config.ru", <<~RUBY)
      require "rack"
      use Rack::Sendfile, "X-Sendfile"
      run Rack::Files.new(#{"#{directory}/storage".inspect})
    RUBY
    puma = start_puma("#{directory}/config.ru")
    answer = start_proxy(to: puma, x_sendfile: "#{directory}/storage").get("/report.pdf")
    expect([answer.status, answer.body, answer["X-Sendfile"]]).to eq([200, "0123456789", nil])
    mapped = File.read("#{directory}/config.ru").sub('"X-Sendfile"', '"X-Accel-Redirect"')
    File.write("#{directory}/config.ru", mapped)
    answer = start_proxy(to: start_puma("#{directory}/config.ru"), x_sendfile: { "/files" => "#{directory}/storage" })
             .get("/sub/a%20b.txt")
    expect([answer.status, answer.body, answer["X-Accel-Redirect"]]).to eq([200, "a b", nil])
  end

  it "serves what Rack::Sendfile names below the real path of a folder that is written with a link" do
    File.symlink("storage", "#{directory}/current")
    File.write("#{directory}/config.ru", <<~RUBY)
      require "rack"
      use Rack::Sendfile, "X-Accel-Redirect"
      run Rack::Files.new(File.realpath(#{"#{directory}/current".inspect}))
    RUBY
    proxy = start_proxy(to: start_puma("#{directory}/config.ru"), x_sendfile: { "/files" => "#{directory}/current" })
    answer = proxy.get("/sub/a%20b.txt")
    expect([answer.status, answer.body, answer["X-Accel-Redirect"]]).to eq([200, "a b", nil])
  end

  it "answers a link that leads out as a failed backend" do
    proxy = start_proxy(to: naming({ "X-Sendfile" => "#{directory}/storage/out" }), x_sendfile: "#{directory}/storage")
    expect(proxy.get("/").status).to eq(502)
  end

  it "works for an application in this process" do
    path = "#{directory}/storage/report.pdf"
    folder = "#{directory}/storage"
    proxy = start_proxy do
      run ->(_) { [200, { "x-sendfile" => path, "content-type" => "text/plain" }, ["own"]] }, x_sendfile: folder
    end
    expect(proxy.get("/").body).to eq("0123456789")
  end
end
