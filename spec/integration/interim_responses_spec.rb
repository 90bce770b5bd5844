# frozen_string_literal: true

require "support/integration"

RSpec.describe "interim responses" do
  it "are not needed by a client that sends its body at once" do
    client = start_proxy_to_puma.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody"
    response = client.read_response
    response = client.read_response if response.status == 100
    expect(JSON.parse(response.body)["body"]).to eq("body")
  end

  it "work with Puma" do
    client = start_proxy_to_puma.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    expect(client.read_response.status).to eq(100)
    client.write "body"
    expect(JSON.parse(client.read_response.body)["body"]).to eq("body")
  end

  def start_proxy_to_puma
    start_proxy(to: puma)
  end
end
