# frozen_string_literal: true

require "support/integration"

RSpec.describe "A browser" do
  # Headless, alone, and without a word to anybody but the proxy.
  options = %w[--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
               --disable-component-update
               --disable-sync --disable-default-apps --disable-extensions --ignore-certificate-errors]

  it "opens a page and a WebSocket over HTTP/2 with TLS, and Puma answers both", time_limit: 60 do
    application = start_puma(File.expand_path("../support/apps/chat.ru", __dir__)).address
    pair = certs.server("localhost")
    proxy = start_proxy(bind: nil) do
      bind "https://127.0.0.1:0", certificate: pair.certificate_file, key: pair.key_file
      proxy backends: [application]
    end
    url = "https://localhost:#{URI(proxy.url).port}/"
    started(ChildProcess.new("chromium", *options, "--user-data-dir=#{directory}", "--remote-debugging-port=0", url))
    told = nil
    eventually(limit: 40) do
      told = JSON.parse(RawClient.request("http://#{application}", "GET", "/told").body)
      expect(told).not_to be_nil
    end
    expect(told).to eq("text" => "hello via 2.0 proxy", "protocol" => "chat", "page" => "h2")
  end
end
