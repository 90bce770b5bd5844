# frozen_string_literal: true

require "support/integration"

RSpec.describe "closing a client's connection" do
  # More than a client takes in before it reads.
  body = "x" * 400_000

  it "leaves the answer whole when the client has sent more than the proxy will read" do
    proxy = start_proxy { static_response body: body }
    client = proxy.connect
    client.write "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" \
                 "\r\n#{"GET /more HTTP/1.1\r\nHost: a\r\n\r\n" * 3000}"
    eventually { expect(proxy.stats[:requests][:total]).to eq(1) }
    expect(client.read_response.body.bytesize).to eq(body.bytesize)
    expect(client.read_to_end).to be_empty
  end

  it "does not wait for a client that has sent nothing more" do
    client = start_proxy { static_response body: "ok" }.connect
    client.send_request("GET", "/", "Connection" => "close")
    expect(client.read_response.body).to eq("ok")
    expect(seconds { expect(client).to be_closed }).to be < 1
  end
end
