# frozen_string_literal: true

require "support/integration"

RSpec.describe "an answer before the request's body is read" do
  def early_backend
    start_backend do |connection|
      connection.read_head
      connection.answer("too large", { "Connection" => "close" }, status: "413 Payload Too Large")
    end
  end

  # Sends as much of a body as the proxy takes.
  def send_body(client, bytes)
    in_background do
      client.write("x" * bytes)
    rescue Errno::EPIPE, Errno::ECONNRESET
      nil
    end
  end

  it "from the backend reaches a client that is still sending" do
    address = early_backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n"
    writing = send_body(client, 20_000_000)
    response = client.read_response
    expect([response.status, response.body]).to eq([413, "too large"])
    writing.value
  end

  it "from us reaches a client that is still sending" do
    address = refusing_backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
    writing = send_body(client, 1_000_000)
    expect(client.read_response.status).to eq(502)
    writing.value
  end

  it "ends the connection when too much of the body is left to read" do
    address = early_backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n"
    expect(client.read_response["Connection"]).to eq("close")
    writing = in_background { loop { client.write("x" * 1_000_000) } }
    expect { writing.value }.to raise_error(SystemCallError)
  end

  it "leaves nothing of the body to be read as the next request" do
    address = early_backend.address
    client = start_proxy { proxy backends: [address] }.connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(client.read_response.status).to eq(413)
    expect(client.read_to_end).to be_empty
  end
end
