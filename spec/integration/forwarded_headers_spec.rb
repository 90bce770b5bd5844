# frozen_string_literal: true

require "support/integration"

RSpec.describe "forwarded_headers" do
  # The request as the backend got it.
  def sent(options = {}, request_headers = {})
    backend = start_backend
    proxy = start_proxy(to: backend, **options)
    @port = URI(proxy.url).port
    proxy.get("/", request_headers)
    backend.request
  end

  it "tells the backend who asked, for what host, on which port and by which scheme" do
    request = sent({}, "Host" => "site.test:81")
    expect(request["X-Forwarded-For"]).to eq("127.0.0.1")
    expect(request["X-Real-IP"]).to eq("127.0.0.1")
    expect(request["X-Forwarded-Host"]).to eq("site.test:81")
    expect(request["X-Forwarded-Port"]).to eq(@port.to_s)
    expect(request["X-Forwarded-Proto"]).to eq("http")
  end

  it "adds a request id and the time in milliseconds" do
    before = (Time.now.to_f * 1000).floor
    request = sent
    expect(request["X-Request-Id"]).to match(/\A\h{32}\z/)
    expect(request["X-Request-Start"]).to match(/\At=\d{13}\z/)
    expect(request["X-Request-Start"].delete_prefix("t=").to_i).to be_between(before, before + 5000)
  end

  it "adds nothing with false" do
    names = sent({ forwarded_headers: false }).names
    expect(names.grep(/\A(x-|forwarded)/)).to be_empty
  end

  it "sends the Forwarded field instead with :rfc7239" do
    request = sent({ forwarded_headers: :rfc7239 }, "Host" => "site.test:81", "Forwarded" => "for=made-up")
    parts = request.all("Forwarded").join(",").split(";").to_h { |part| part.strip.downcase.split("=", 2) }
    expect(parts).to include("for" => "127.0.0.1", "host" => '"site.test:81"', "proto" => "http")
    expect(request.names.grep(/\Ax-forwarded/)).to be_empty
  end

  it "leaves a field that is named in headers to headers" do
    request = sent({ headers: { "X-Forwarded-Proto" => "https", "X-Real-IP" => nil } })
    expect(request.all("X-Forwarded-Proto")).to eq(["https"])
    expect(request.names).not_to include("x-real-ip")
  end

  it "gives over a unix socket no address that nobody has" do
    backend = start_backend
    proxy = start_proxy(to: backend, bind: "unix://#{directory}/proxy.sock")
    expect(proxy.get.status).to eq(200)
    expect(backend.request["X-Forwarded-Proto"]).to eq("http")
  end
end
