# frozen_string_literal: true

require "support/integration"

RSpec.describe "an interim response" do
  it "carries no Content-Length to the client" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nContent-Length: 5\r\n\r\n"
      connection.answer("final")
    end
    address = backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.send_request("GET", "/")
    interim = client.read_head
    expect([interim.status, interim["Link"], interim["Content-Length"]]).to eq([103, "</a.css>", nil])
    expect(client.read_response.body).to eq("final")
  end
end
