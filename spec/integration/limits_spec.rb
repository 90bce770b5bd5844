# frozen_string_literal: true

require "support/integration"

RSpec.describe "limits on clients" do
  def start_limited(**settings, &script)
    start_proxy(to: start_backend(&script)) do
      settings.each { |name, value| public_send(name, value) }
    end
  end

  it "leave connections beyond max_connections waiting while all are busy" do
    proxy = start_limited(max_connections: 1)
    first = proxy.connect
    first.write("GET / HTTP/1.1\r\n")
    eventually { expect(proxy.stats[:connections]).to include(active: 1) }
    second = proxy.connect
    second.send_request("GET", "/")
    expect(second).to be_silent_for(0.3)
    first.close
    expect(second.read_response.status).to eq(200)
  end

  it "answer 431 to a head larger than max_header_size" do
    client = start_limited(max_header_size: 2000).connect
    client.send_request("GET", "/", "X-Large" => "x" * 3000)
    expect(client.read_response.status).to eq(431)
    expect(client).to be_closed
  end

  it "answer 408 to a head that is not complete within client_header_timeout" do
    client = start_limited(client_header_timeout: 0.3).connect
    client.write "GET / HTTP/1.1\r\nHost:"
    response = nil
    expect(seconds { response = client.read_response }).to be_between(0.2, 3)
    expect(response.status).to eq(408)
    expect(client).to be_closed
  end

  it "close an idle connection after keepalive_timeout" do
    client = start_limited(keepalive_timeout: 0.3).connect
    client.get
    expect(seconds { expect(client).to be_closed }).to be_between(0.2, 3)
  end

  it "answer 408 to a body that pauses longer than client_body_timeout" do
    client = start_limited(client_body_timeout: 0.3).connect
    client.write "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"
    expect(client.read_response.status).to eq(408)
    expect(client).to be_closed
  end
end
