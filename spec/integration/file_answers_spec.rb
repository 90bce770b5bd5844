# frozen_string_literal: true

require "support/integration"
require "support/site_folder"

RSpec.describe "answers with files" do
  include SiteFolder

  it "redirect to a folder's path with a slash, however try_files names the folder" do
    write("sub/index.html", "index of sub")
    write("index.html", "index")
    root = site
    proxy = start_proxy do
      location("/docs/*") { static_files root: "#{root}/sub", try_files: ["{path|strip_prefix:/docs}"] }
      location("/app/*") { static_files root: root, try_files: ["{path}", "/"] }
      static_files root: root, try_files: ["{path}", "{path}/", "/index.html"]
    end
    { "/docs" => "/docs/", "/sub?a=1" => "/sub/?a=1" }.each do |path, location|
      answer = proxy.get(path)
      expect([answer.status, answer["Location"]]).to eq([301, location])
    end
    { "/docs/" => "index of sub", "/sub/" => "index of sub", "/none" => "index", "/app/none" => "index" }
      .each { |path, body| expect([proxy.get(path).status, proxy.get(path).body]).to eq([200, body]), path }
  end

  it "have the compressed form of a program that copies the time without parts of seconds" do
    original = write("a.js", "original")
    form = write("a.js.gz", "form")
    at = Time.at(1_700_000_000, 900_000_000, :nsec)
    File.utime(at, at, original)
    root = site
    proxy = start_proxy { static_files root: root, precompressed: true }
    answer = lambda do |time|
      File.utime(time, time, form)
      proxy.get("/a.js", "Accept-Encoding" => "gzip").body
    end
    expect(answer.(Time.at(1_700_000_000))).to eq("form")
    expect(answer.(Time.at(1_699_999_999))).to eq("original")
  end

  it "answer a request for another protocol that nobody else answers" do
    write("a.txt")
    root = site
    proxy = start_proxy { static_files root: root }
    answer = proxy.get("/a.txt", "Connection" => "Upgrade", "Upgrade" => "TLS/1.0")
    expect([answer.status, answer.body]).to eq([200, "a.txt"])
  end

  it "have Vary in parts, as the whole has it" do
    write("page.html", "x" * 5_000)
    root = site
    proxy = start_proxy do
      compress
      static_files root: root
    end
    { "bytes=0-9" => 206, "bytes=0-1,5-6" => 206, nil => 200 }.each do |range, status|
      answer = proxy.get("/page.html", range ? { "Range" => range } : {})
      expect([answer.status, answer["Vary"]]).to eq([status, "Accept-Encoding"])
    end
  end

  it "take the place of a part that the backend speaks of, and lose the fields that the proxy removes" do
    path = write("report.pdf", "0123456789")
    backend = start_backend do |connection|
      while connection.read_request
        connection.answer("", { "X-Sendfile" => path, "Content-Range" => "bytes 0-1/10" }, status: "206 Partial")
      end
    end
    proxy = start_proxy(to: backend, x_sendfile: site, response_headers: { "ETag" => nil, "Content-Type" => "a/b" })
    answer = proxy.get("/")
    expect([answer.status, answer.body, answer["Content-Range"]]).to eq([200, "0123456789", nil])
    expect([answer["ETag"], answer["Content-Type"]]).to eq([nil, "a/b"])
    part = proxy.get("/", "Range" => "bytes=2-4")
    expect([part.status, part.all("Content-Range"), part.body]).to eq([206, ["bytes 2-4/10"], "234"])
  end
end
