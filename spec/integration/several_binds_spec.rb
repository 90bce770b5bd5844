# frozen_string_literal: true

require "support/integration"

RSpec.describe "max_connections with several binds" do
  it "lets every bind take the connections that are free" do
    socket = File.join(directory, "proxy.sock")
    proxy = start_proxy do
      bind "unix://#{socket}"
      max_connections 1
      static_response body: "ok"
    end
    proxy.server.urls.flat_map { |url| [url, url] }.each do |url|
      client = RawClient.connect(url)
      expect(client.get.body).to eq("ok")
      client.close
    end
  end

  it "counts the connections of all of them together" do
    proxy = start_proxy do
      bind "http://127.0.0.1:0"
      max_connections 1
      static_response body: "ok"
    end
    first, second = proxy.server.urls.map { |url| RawClient.connect(url) }
    # A request that has begun is not closed to make room.
    first.write("GET / HTTP/1.1\r\n")
    eventually { expect(proxy.stats[:connections]).to include(active: 1) }
    second.send_request("GET", "/")
    expect(second).to be_silent_for(0.3)
    first.close
    expect(second.read_response.status).to eq(200)
  end
end
