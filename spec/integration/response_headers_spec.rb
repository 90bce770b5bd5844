# frozen_string_literal: true

require "support/integration"

RSpec.describe "response_headers" do
  def received(response_headers, from_backend = {})
    proxy = start_proxy(to: backend_answering("ok", from_backend), response_headers: response_headers)
    proxy.get("/x")
  end

  it "sets a literal" do
    expect(received({ "X-Frame-Options" => "DENY" })["X-Frame-Options"]).to eq("DENY")
  end

  it "replaces what the backend sent" do
    expect(received({ "Server" => "ours" }, "Server" => "theirs").all("Server")).to eq(["ours"])
  end

  it "removes with nil" do
    expect(received({ "X-Powered-By" => nil }, "X-Powered-By" => "Ruby").names).not_to include("x-powered-by")
  end

  it "sets several lines from an Array" do
    expect(received({ "Set-Cookie" => ["a=1", "b=2"] }).all("Set-Cookie")).to eq(["a=1", "b=2"])
  end

  {
    "{status}" => /\A200\z/,
    "{backend}" => /\A127\.0\.0\.1:\d+\z/,
    "{attempts}" => /\A1\z/,
    "{addr}" => /\A127\.0\.0\.1\z/,
    "{response_time}" => /\A[\d.]+(us|ms)\z/,
    "{request_id}" => /\A\h+\z/,
    "{request_id_full}" => /\A\h{32}\z/,
    "{X-Answer|replace:4,5}" => /\A52\z/,
    "{no-such-thing}" => /\A\{no-such-thing\}\z/
  }.each do |template, value|
    it "fills in #{template}" do
      text = received({ "X-Filled" => { rewrite: template } }, "X-Answer" => "42")["X-Filled"]
      expect(text.dup.force_encoding("UTF-8")).to match(value)
    end
  end

  it "applies to responses that are passed on, not to our own errors" do
    proxy = start_proxy(to: refusing_backend, response_headers: { "X-Note" => "set" })
    expect(proxy.get.names).not_to include("x-note")
  end
end
