# frozen_string_literal: true

require "rack/mock"
require "proxy/rack"
require "support/integration"

RSpec.describe Proxy::Rack::Head, :integration do
  def env_for(**changes)
    { "REQUEST_METHOD" => "GET", "SCRIPT_NAME" => "", "PATH_INFO" => "/a", "QUERY_STRING" => "", "HTTP_HOST" => "h",
      "SERVER_PROTOCOL" => "HTTP/1.1", **changes.transform_keys(&:to_s) }
  end

  def head(direct: true, **changes)
    env = env_for(**changes)
    described_class.of(env, Proxy::Rack::Body.of(env), direct: direct)
  end

  def target(**changes) = head(**changes).lines.first.split(" ")[1]

  it "has the method, the target, the fields and the end of the connection" do
    text = head(HTTP_X_REQUEST_ID: "7", CONTENT_TYPE: "text/plain", CONTENT_LENGTH: "2",
                "rack.input": StringIO.new("ok"))

    expect(text).to eq("GET /a HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nX-Request-Id: 7\r\n" \
                       "Connection: close\r\nContent-Length: 2\r\n\r\n")
  end

  it "has the target as it was sent, unless somebody above has changed the path" do
    expect(target(REQUEST_URI: "/%61?x=%20", PATH_INFO: "/%61")).to eq("/%61?x=%20")
    expect(target(REQUEST_URI: "/%61?x", PATH_INFO: "/a")).to eq("/%61?x")
    expect(target(REQUEST_URI: "http://other/a?x", PATH_INFO: "/a")).to eq("http://other/a?x")
    expect(target(REQUEST_URI: "/m/a", SCRIPT_NAME: "/m", PATH_INFO: "/a")).to eq("/m/a")
    expect(target(REQUEST_URI: "/other?x", PATH_INFO: "/a", QUERY_STRING: "y")).to eq("/a?y")
    expect(target(PATH_INFO: "/what?", QUERY_STRING: "y")).to eq("/what%3F?y")
    expect(target(PATH_INFO: "")).to eq("/")
    expect(head(REQUEST_METHOD: "OPTIONS", REQUEST_URI: "*", PATH_INFO: "")).to start_with("OPTIONS * ")
  end

  it "keeps HTTP/1.0 only for a response that goes to the client as it is" do
    expect(head(SERVER_PROTOCOL: "HTTP/1.0")).to start_with("GET /a HTTP/1.0\r\n")
    expect(head(SERVER_PROTOCOL: "HTTP/1.0", direct: false)).to start_with("GET /a HTTP/1.1\r\n")
    expect(head(SERVER_PROTOCOL: "HTTP/2")).to start_with("GET /a HTTP/1.1\r\n")
  end

  it "names the server if the client named no host" do
    expect(head(HTTP_HOST: nil, SERVER_NAME: "s", SERVER_PORT: "8080")).to include("\r\nHost: s:8080\r\n")
  end

  it "leaves out what ended at the server" do
    text = head(HTTP_CONNECTION: "keep-alive, X-Own", HTTP_EXPECT: "100-continue", HTTP_TRANSFER_ENCODING: "chunked",
                "HTTP_TRANSFER-ENCODING": "chunked", HTTP_CONTENT_LENGTH: "9", HTTP_VERSION: "HTTP/1.1")

    expect(text).to eq("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close, keep-alive, X-Own\r\n\r\n")
    expect(head(HTTP_EXPECT: "tea")).to include("\r\nExpect: tea\r\n")
  end

  it "writes a name as the client did where Puma says that it had an underscore" do
    expect(head(HTTP_X_TOKEN: "1", HTTP_X_B: "2", "puma.underscore_headers": ["X-B", "X_TOKEN"]))
      .to include("\r\nX_TOKEN: 1\r\n", "\r\nX-B: 2\r\n")
  end

  it "remembers a bounded number of names" do
    3000.times { |n| head("HTTP_X_#{n}": "1") }

    expect(described_class.instance_variable_get(:@names).length).to be <= 1000
    expect(head(HTTP_X_2999: "1")).to include("\r\nX-2999: 1\r\n")
  end

  # Each value would begin another field or request, if it were written as it is.
  hostile = {
    REQUEST_METHOD: ["GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "GE T", "GET\t/", "GET\0", "", "G\u00e9T"],
    PATH_INFO: ["/ HTTP/1.1\r\nX: y\r\n\r\n", "/a b", "/a\tb", "/a\nb", "/a\rb", "/a\0b", "/\u00e9", "/a#b"],
    QUERY_STRING: ["x HTTP/1.1\r\nX: y", "x\ny", "x y", "x\0"],
    REQUEST_URI: ["/a?x HTTP/1.1\r\nX: y", "/a?x y"],
    HTTP_HOST: ["h\r\nX: y", "h\nX: y", "h\0", "h h", "a, b"],
    HTTP_COOKIE: ["a\r\nX: y", "a\nX: y", "a\rX: y", "a\0"],
    HTTP_CONNECTION: ["close\r\nX: y", "\0"],
    CONTENT_TYPE: ["a/b\r\nX: y"],
    CONTENT_LENGTH: ["1\r\nX: y", "1, 2", "-1", "+1", "0x1", "1 ", "9" * 20],
    HTTP_EXPECT: ["x\r\nX: y"]
  }

  it "lets nothing in the environment begin another field or request" do
    backend = start_backend
    server = Proxy::Server.start(Proxy::Rack::Configuration.read({ backends: [backend.address] }, :auto, nil).validate!)
    hostile.each do |key, values|
      values.each do |value|
        ours, theirs = UNIXSocket.pair
        server.adopt(theirs.fileno, head(key => value), nil, ["192.0.2.7", false, nil])
        theirs.close
        client = Wire.new(ours)
        response = client.read_response

        expect([response.status, client.read_to_end]).to eq([400, ""]), "#{key}: #{value.inspect}: #{response}"
      ensure
        ours.close
      end
    end
    expect(backend.requests).to eq([])
  ensure
    server&.stop(timeout: 0)
  end

  it "drops a name that is none" do
    ["HTTP_X\r\nY", "HTTP_X:Y", "HTTP_", "HTTP_X Y", "HTTP_X\u00e9"].each do |name|
      expect(head(name.to_sym => "1")).to eq(head)
    end
  end
end
