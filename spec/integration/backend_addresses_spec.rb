# frozen_string_literal: true

require "support/integration"

RSpec.describe "backend addresses" do
  def ask(*backends, **options)
    start_proxy { proxy backends: backends, **options }.get("/a")
  end

  it "accepts IP:port" do
    expect(ask(start_backend.address).body).to eq("ok")
  end

  it "accepts host:port" do
    expect(ask("localhost:#{start_backend.port}").body).to eq("ok")
  end

  it "accepts http://host:port and ignores a path behind it" do
    backend = start_backend
    expect(ask("http://127.0.0.1:#{backend.port}/ignored").body).to eq("ok")
    expect(backend.request.target).to eq("/a")
  end

  it "accepts h2://host:port and speaks HTTP/2 to it without TLS" do
    nginx = start_nginx("location / { return 200 $server_protocol; }", http2: true)
    expect(ask("h2://#{nginx.address}").body).to eq("HTTP/2.0")
  end

  it "accepts https://host:port" do
    backend = start_backend(tls: certs.server_context(certs.server("127.0.0.1")))
    expect(ask("https://127.0.0.1:#{backend.port}", ca_file: certs.ca_file).body).to eq("ok")
  end

  it "accepts [IPv6]:port" do
    expect(ask("[::1]:#{start_backend(host: '::1').port}").body).to eq("ok")
  end

  ["unix:", "unix://"].each do |scheme|
    it "accepts #{scheme}/path" do
      path = File.join(directory, "app.sock")
      start_backend(unix: path)
      expect(ask("#{scheme}#{path}").body).to eq("ok")
    end
  end

  it "sends Host: localhost to a unix socket when to is absent" do
    path = File.join(directory, "app.sock")
    backend = start_backend(unix: path)
    ask("unix:#{path}")
    expect(backend.request["Host"]).to eq("localhost")
  end

  it "answers 502 when the unix socket is not there" do
    expect(ask("unix:#{File.join(directory, 'none.sock')}").status).to eq(502)
  end

  it "accepts an address in a Hash" do
    expect(ask({ address: start_backend.address }).body).to eq("ok")
  end

  it "mixes forms, and moves on from one that fails" do
    path = File.join(directory, "app.sock")
    start_backend(unix: path)
    expect(ask("unix:#{path}.none", "unix:#{path}", backend_priority: "ordered").body).to eq("ok")
  end

  it "reaches a Puma on a unix socket" do
    path = File.join(directory, "puma.sock")
    start_puma(unix: path)
    expect(JSON.parse(ask("unix:#{path}").body)).to include("path" => "/a")
  end
end
