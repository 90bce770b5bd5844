# frozen_string_literal: true

require "support/integration"

RSpec.describe "hop-by-hop fields" do
  def sent(request_headers)
    backend = start_backend
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
    expect(proxy.get("/", request_headers).status).to eq(200)
    backend.request
  end

  def received(response_headers)
    address = backend_answering("ok", response_headers).address
    start_proxy { proxy backends: [address] }.get
  end

  %w[Keep-Alive Proxy-Authenticate Proxy-Authorization Proxy-Connection Trailer].each do |name|
    it "drops #{name} from a request" do
      expect(sent(name => "x", "X-Kept" => "1").names).to include("x-kept").and(satisfy { |names| !names.include?(name.downcase) })
    end
  end

  %w[Keep-Alive Proxy-Connection Upgrade].each do |name|
    it "drops #{name} from a response" do
      expect(received(name => "x", "X-Kept" => "1").names).to include("x-kept").and(satisfy { |names| !names.include?(name.downcase) })
    end
  end

  it "drops the fields that a request names in Connection" do
    names = sent("Connection" => "close, X-Secret , x-other", "X-Secret" => "1", "X-Other" => "2", "X-Kept" => "3").names
    expect(names).to include("x-kept")
    expect(names & %w[x-secret x-other]).to be_empty
  end

  it "drops the fields that a response names in Connection" do
    names = received("Connection" => "X-Secret", "X-Secret" => "1", "X-Kept" => "3").names
    expect(names).to include("x-kept")
    expect(names).not_to include("x-secret")
  end

  it "does not let a client remove what we add by naming it in Connection" do
    request = sent("Connection" => "close, X-Forwarded-For, X-Real-IP, Via, Host")
    expect(request.names).to include("x-forwarded-for", "x-real-ip", "via", "host")
  end

  it "drops Upgrade when Connection does not name it" do
    expect(sent("Upgrade" => "websocket").names).not_to include("upgrade")
  end

  it "never offers h2c" do
    names = sent("Connection" => "Upgrade, HTTP2-Settings", "Upgrade" => "h2c", "HTTP2-Settings" => "AAMAAABkAAQAAP__").names
    expect(names & %w[upgrade http2-settings]).to be_empty
  end

  it "passes TE on as trailers at most" do
    expect(sent("TE" => "trailers, deflate;q=0.5", "Connection" => "close, TE")["TE"]).to eq("trailers").or be_nil
  end

  it "appends Via to what a request has" do
    expect(sent("Via" => "1.0 fred")["Via"]).to eq("1.0 fred, 1.1 proxy")
  end

  it "appends Via to what a response has" do
    expect(received("Via" => "1.0 fred")["Via"]).to eq("1.0 fred, 1.1 proxy")
  end

  it "drops request fields whose name has an underscore or a dot" do
    names = sent("X_Real_IP" => "1.1.1.1", "X.Dotted" => "1", "X-Kept" => "1").names
    expect(names).to include("x-kept")
    expect(names & ["x_real_ip", "x.dotted"]).to be_empty
  end

  it "passes on the underscore fields that allow_underscores names" do
    backend = start_backend
    address = backend.address
    proxy = start_proxy { proxy backends: [address], allow_underscores: ["X_Legacy"] }
    proxy.get("/", "x_legacy" => "1", "x_other" => "2")
    expect(backend.request["x_legacy"]).to eq("1")
    expect(backend.request.names).not_to include("x_other")
  end

  it "drops X-Sendfile-Type and X-Accel-Mapping from a client" do
    names = sent("X-Sendfile-Type" => "X-Accel-Redirect", "X-Accel-Mapping" => "/=/", "X-Kept" => "1").names
    expect(names).to include("x-kept")
    expect(names & %w[x-sendfile-type x-accel-mapping]).to be_empty
  end
end
