# frozen_string_literal: true

require "digest"
require "zlib"
require "support/integration"
require "support/page"

RSpec.describe "The README's Proxyfile instead of nginx, with Rails in Puma", time_limit: 60 do
  def self.proxyfile
    prose, blocks = File.read("README.md"), Page.new("README.md").blocks
    heading = prose[/.*^## Instead of nginx in front of Rails$/m].count("\n")
    blocks.find { |block| block.line > heading }.text
  end

  before(:all) do
    @root = Dir.mktmpdir("content")
    %w[public/assets storage tmp].each { |folder| FileUtils.mkdir_p("#{@root}/#{folder}") }
    File.write("#{@root}/public/assets/app-0123abcd.js", "plain();\n" * 300)
    File.binwrite("#{@root}/public/assets/app-0123abcd.js.gz", Zlib.gzip("plain();\n" * 300))
    File.write("#{@root}/storage/report.txt", "figures\n" * 1_000)
    environment = { "CONTENT_ROOT" => @root, "RAILS_ENV" => "production", "RUBYLIB" => ProxyProcess::LIB }
    @puma = PumaBackend.new(File.expand_path("../support/apps/content.ru", __dir__), environment: environment)
  end

  after(:all) do
    @puma&.stop
    FileUtils.rm_rf(@root)
  end

  before do
    text = self.class.proxyfile
    expect(text.lines.length).to be <= 15
    File.write("#{@root}/Proxyfile", text.gsub("127.0.0.1:3000", @puma.address))
    @proxy = start_proxy(file: "#{@root}/Proxyfile")
  end

  def fetch(target, **headers) = @proxy.get(target, headers.transform_keys { |name| name.to_s.tr("_", "-") })

  it "serves assets without the application, compressed beforehand, for a year" do
    asset = fetch("/assets/app-0123abcd.js", Accept_Encoding: "gzip")

    expect([asset.status, asset["Content-Encoding"], asset["Cache-Control"]])
      .to eq([200, "gzip", "public, max-age=31536000, immutable"])
    expect(Zlib.gunzip(asset.body)).to eq("plain();\n" * 300)
    expect(fetch("/assets/app-0123abcd.js", If_None_Match: asset["ETag"], Accept_Encoding: "gzip").status).to eq(304)
    expect(fetch("/assets/app-0123abcd.js", Range: "bytes=0-4").body).to eq("plain")
  end

  it "keeps pages for everybody, sends them compressed, and asks for all others" do
    first, second = Array.new(2) { fetch("/blog/first", Accept_Encoding: "gzip") }

    expect([first, second].map { |page| Zlib.gunzip(page.body).lines.first }).to eq(["first 1\n"] * 2)
    expect(first["Cache-Status"]).to match(/\Aproxy; fwd=uri-miss; ttl=\d+; stored\z/)
    expect(second["Cache-Status"]).to start_with("proxy; hit; ttl=")
    expect([fetch("/count").body, fetch("/count").body]).to eq(%w[1 2])
  end

  it "sends the old page while the application fails" do
    expect(fetch("/blog/brief").body).to start_with("brief 1\n")
    File.write("#{@root}/broken", "")

    page = fetch("/blog/brief")
    expect([page.status, page.body.lines.first]).to eq([200, "brief 1\n"])
  end

  it "sends the files that Rails lets go" do
    %w[/report /blog/first/report].each do |path|
      report = fetch("#{path}?key=right", Range: "bytes=8-14")

      expect([report.status, report.body, report["Content-Range"]]).to eq([206, "figures", "bytes 8-14/8000"])
      expect(report["Content-Disposition"]).to include("report.txt")
      expect(report["X-Sendfile"]).to be_nil
      expect(fetch("#{path}?key=wrong").status).to eq(403)
    end
  end

  it "frees the thread of Puma before a slow client has a long page" do
    client = @proxy.connect
    client.send_request("GET", "/export?mebibytes=16")

    eventually(limit: 20) { expect(@proxy.stats[:backends].first).to include(requests: 1, in_flight: 0) }
    expect(@proxy.stats[:requests][:in_flight]).to eq(1)
    expect(client.read_response.body.bytesize).to eq(16 << 20)
  end

  it "takes uploads in before Puma hears of them" do
    body = Random.bytes(3_000_000)
    answer = @proxy.post("/upload", body, { "Content-Type" => "application/octet-stream" })

    expect(answer.body).to eq(Digest::SHA256.hexdigest(body))
  end
end
