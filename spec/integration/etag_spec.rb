# frozen_string_literal: true

require "support/integration"

RSpec.describe "etag" do
  # A proxy with `etag` in front of a backend that answers with `body` and these fields.
  def tagged(body, fields = {}, &configuration)
    configuration ||= proc { etag }
    backend = start_backend do |connection|
      connection.answer(body, fields) while connection.read_request
    end
    start_proxy(to: backend, &configuration)
  end

  it "gives a small response a weak tag of its body, and answers 304 to a client that has it" do
    client = tagged("hello", "Content-Type" => "text/plain", "Cache-Control" => "no-cache").connect
    whole = client.get
    expect([whole.status, whole.body, whole["ETag"]]).to match([200, "hello", %r{\AW/"\h{32}"\z}])

    [whole["ETag"], whole["ETag"].delete_prefix("W/"), "\"other\", #{whole["ETag"]}", "*"].each do |known|
      short = client.get("/", "If-None-Match" => known)
      expect([short.status, short.body, short["ETag"]]).to eq([304, "", whole["ETag"]])
      expect([short["Content-Length"], short["Content-Type"], short["Cache-Control"]]).to eq([nil, nil, "no-cache"])
    end
    expect(client.get("/", "If-None-Match" => '"other"').body).to eq("hello")
  end

  it "gives different bodies different tags" do
    expect(tagged("hello").get["ETag"]).not_to eq(tagged("hallo").get["ETag"])
    expect(tagged("x" * 65_536).get["ETag"]).to match(/W/)
  end

  it "leaves a response alone that has a tag or a date, is longer, or is for one client" do
    [{ "ETag" => '"own"' }, { "Last-Modified" => "Tue, 01 Dec 2026 00:00:00 GMT" }, { "Set-Cookie" => "a=b" },
     { "Cache-Control" => "private, no-store" }].each do |fields|
      response = tagged("hello", fields).get
      expect([response.body, response["ETag"]]).to eq(["hello", fields["ETag"]])
    end
    expect(tagged("x" * 65_537).get["ETag"]).to be_nil
    expect(tagged("hello").post["ETag"]).to be_nil
    expect(tagged("hello") { nil }.get["ETag"]).to be_nil
  end

  it "tags answers of the proxy's own" do
    proxy = start_proxy do
      etag
      static_response body: "hello"
    end
    tag = proxy.get["ETag"]
    expect(proxy.request("HEAD", "/", "If-None-Match" => tag).status).to eq(304)
    expect(proxy.get("/", "If-None-Match" => tag).status).to eq(304)
  end

  it "answers an error if the backend ends within the body, of which nothing was passed on" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
    end
    proxy = start_proxy(to: backend) { etag }
    expect(proxy.get.status).to eq(502)
  end
end
