# frozen_string_literal: true

require "support/integration"

RSpec.describe "interim responses" do
  it "pass a 103 on before the final response" do
    hinted = Queue.new
    address = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
      hinted.pop
      connection.answer("done")
    end.address
    client = start_proxy { proxy backends: [address] }.connect
    client.send_request("GET", "/")
    early = client.read_response
    expect([early.status, early["Link"]]).to eq([103, "</style.css>; rel=preload"])
    hinted << true
    expect(client.read_response.body).to eq("done")
  end

  it "let the backend decide with Expect: 100-continue" do
    address = start_backend do |connection|
      request = connection.read_head
      expect(request["Expect"]).to eq("100-continue")
      connection.write "HTTP/1.1 100 Continue\r\n\r\n"
      connection.answer(connection.read(4))
    end.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    expect(client.read_response.status).to eq(100)
    client.write "body"
    expect(client.read_response.body).to eq("body")
  end

  it "bring a refusal to the client before it sends its body" do
    address = start_backend do |connection|
      connection.read_head
      connection.answer("too big", { "Connection" => "close" }, status: "413 Payload Too Large")
    end.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
    response = client.read_response
    expect([response.status, response.body]).to eq([413, "too big"])
  end

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
    address = puma.address
    start_proxy { proxy backends: [address] }
  end
end
