# frozen_string_literal: true

require "support/integration"

RSpec.describe "max_body" do
  # A proxy that takes bodies of 10 bytes, and its backend.
  def limited(**options, &configuration)
    @backend = start_backend do |connection|
      while (request = connection.read_request)
        connection.answer(request.body)
      end
    end
    configuration ||= proc { max_body 10 }
    start_proxy(to: @backend, **options) do
      instance_exec(&configuration)
    end
  end

  def chunked(*chunks) = chunks.map { |chunk| "#{chunk.bytesize.to_s(16)}\r\n#{chunk}\r\n" }.join

  let(:head) { "POST / HTTP/1.1\r\nHost: a\r\n" }
  let(:chunked_head) { "#{head}Transfer-Encoding: chunked\r\n\r\n" }

  it "takes a body as long as it says, and refuses one that is a byte longer without reading it" do
    proxy = limited
    expect(proxy.post("/", "x" * 10).body).to eq("x" * 10)
    client = proxy.connect
    client.write "#{head}Content-Length: 11\r\n\r\n"
    response = client.read_response

    expect([response.status, response["Connection"], @backend.connections]).to eq([413, "close", 1])
  end

  it "refuses before the client is told to go on" do
    client = limited.connect
    client.write "#{head}Content-Length: 11\r\nExpect: 100-continue\r\n\r\n"

    expect([client.read_response.status, @backend.connections]).to eq([413, 0])
  end

  it "takes a chunked body as long as it says, however it is cut" do
    [["x" * 10], ["x"] * 10, ["x" * 4, "x" * 6]].each do |chunks|
      client = limited.connect
      client.write "#{chunked_head}#{chunked(*chunks)}0\r\n\r\n"
      expect(client.read_response.body).to eq("x" * 10)
    end
  end

  it "refuses a chunked body once it is longer, and drops the backend's connection" do
    [["x" * 11], ["x"] * 11, ["x" * 10, "x"]].each do |chunks|
      ended = Queue.new
      backend = start_backend do |connection|
        connection.read_head
        ended << connection.read_to_end
      end
      proxy = start_proxy do
        max_body 10
        proxy backends: [backend.address]
      end
      client = proxy.connect
      client.write "#{chunked_head}#{chunked(*chunks)}"
      response = client.read_response

      expect([response.status, response["Connection"]]).to eq([413, "close"])
      expect(ended.pop).not_to include("0\r\n\r\n")
    end
  end

  it "refuses a chunked body that grows too long while the backend waits for it" do
    proxy = limited
    client = proxy.connect
    client.write "#{chunked_head}#{chunked("x" * 10)}"
    @backend.await_requests(1)
    client.write chunked("x")

    expect(client.read_response.status).to eq(413)
    expect(proxy.get.status).to eq(200)
  end

  it "does not blame a backend for it" do
    client = (proxy = limited).connect
    client.write "#{chunked_head}#{chunked("x" * 11)}"
    client.read_response

    expect(proxy.stats[:backends].sum { |backend| backend.fetch(:failures) }).to eq(0)
  end

  it "cuts a response short that has begun when the body grows too long" do
    backend = start_backend do |connection|
      connection.read_head
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"
      connection.read_to_end
    end
    proxy = start_proxy do
      max_body 10
      proxy backends: [backend.address]
    end
    client = proxy.connect
    client.write "#{chunked_head}#{chunked("x" * 5)}"
    expect(client.read_head.status).to eq(200)
    expect(client.read(5)).to eq("begun")
    client.write chunked("x" * 6)

    expect(client.read_to_end).to eq("")
  end

  it "holds the next request of a connection to its own length" do
    client = limited.connect
    client.write "#{chunked_head}#{chunked("x" * 8)}0\r\n\r\n#{chunked_head}#{chunked("y" * 8)}0\r\n" \
                 "\r\n#{head}Content-Length: 11\r\n\r\n#{"z" * 11}"

    expect(Array.new(3) { client.read_response }.map { |response| [response.status, response.body[0]] })
      .to match([[200, "x"], [200, "y"], [413, String]])
  end

  it "holds as the innermost one says, and as the proxy says before all" do
    backend = start_backend { |connection| connection.answer_all("ok") }
    proxy = start_proxy do
      location("/wide/*") { max_body 100 }
      max_body 10
      location("/none/*") { max_body 0, error_response: { status: 413, plaintext: "no body at all" } }
      location("/own/*") { proxy backends: [backend.address], max_body: 50 }
      proxy backends: [backend.address]
    end
    lengths = { "/" => 10, "/wide/" => 100, "/none/" => 0, "/own/" => 50 }

    lengths.each do |path, most|
      expect([most, most + 1].map { |length| proxy.post(path, "x" * length).status }).to eq([200, 413]), path
      client = proxy.connect
      client.write "POST #{path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n#{chunked("x" * (most + 1))}"
      expect(client.read_response.status).to eq(413)
    end
    expect(proxy.post("/none/", "x").body).to eq("no body at all")
  end

  it "holds for requests that no backend is asked for" do
    proxy = start_proxy do
      max_body 10
      static_response body: "ok"
    end

    expect([10, 11].map { |length| proxy.post("/", "x" * length).status }).to eq([200, 413])
  end
end
