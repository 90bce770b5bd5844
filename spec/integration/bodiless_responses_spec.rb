# frozen_string_literal: true

require "support/integration"

RSpec.describe "responses without a body" do
  def client_of(response)
    address = start_backend do |connection|
      connection.write response while connection.read_request
    end.address
    start_proxy { proxy backends: [address] }.connect
  end

  it "to HEAD carry the length and no body" do
    client = client_of("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    2.times { expect(client.request("HEAD", "/")["Content-Length"]).to eq("1000") }
  end

  it "to HEAD may be chunked, with no chunk following" do
    client = client_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    2.times { expect(client.request("HEAD", "/").status).to eq(200) }
    expect(client).to be_silent_for(0.1)
  end

  [204, 304].each do |status|
    it "with #{status} end with their head" do
      client = client_of("HTTP/1.1 #{status} Whatever\r\nETag: \"a\"\r\n\r\n")
      2.times do
        response = client.get
        expect([response.status, response["ETag"], response.chunked?]).to eq([status, '"a"', false])
      end
      expect(client).to be_silent_for(0.1)
    end
  end

  it "with 304 keep the length of what was not sent" do
    client = client_of("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n")
    2.times { expect(client.get["Content-Length"]).to eq("1000") }
  end

  it "with 204 carry no length, whatever the backend says" do
    client = client_of("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
    expect(client.get.names).not_to include("content-length")
  end

  it "with Content-Length: 0 leave the connection open" do
    client = client_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    2.times { expect(client.get.body).to be_empty }
  end
end
