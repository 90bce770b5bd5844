# frozen_string_literal: true

require "json"
require "support/integration"

RSpec.describe "the id of a request" do
  # What the backend was told, what the client was, and what the access log says.
  def ids(status, headers)
    backend = start_backend do |connection|
      request = connection.read_request or next
      @forwarded = request["X-Request-Id"]
      status == 200 ? connection.answer("ok") : connection.write("nonsense\r\n\r\n")
    end
    proxy = start_proxy_process(<<~RUBY)
      access_log "logged {request_id_full}"
      response_headers additions: { "X-Id" => ["{request_id_full}"] }
      proxy backends: [#{backend.address.inspect}], retries: 0
    RUBY
    response = proxy.get("/", headers.merge("Accept" => "text/html"))
    expect(response.status).to eq(status)
    proxy.process.await_output(/^logged (\S+)/)
    [@forwarded, response["X-Id"], response, proxy.process.output[/^logged (\S+)/, 1], proxy.process.output]
  end

  it "is one for the backend, the client and the logs, whether it is ours or the client's" do
    [{}, { "X-Request-Id" => "from-the-cdn" }].each do |headers|
      forwarded, told, _, logged, = ids(200, headers)
      expect(forwarded).to headers.empty? ? match(/\A\h{32}\z/) : eq("from-the-cdn")
      expect([told, logged]).to eq([forwarded, forwarded])
    end
  end

  it "is the same where the request fails: in the fields, on the page and in the line about it" do
    [{}, { "X-Request-Id" => "from-the-cdn" }].each do |headers|
      forwarded, told, response, logged, output = ids(502, headers)
      expect([told, response["X-Request-Id"], logged]).to eq([forwarded] * 3)
      expect(response.body).to include("Request ID: <code>#{forwarded}</code>")
      expect(response["Content-Length"].to_i).to eq(response.body.bytesize)
      expect(output).to match(/ warn request_id=#{headers.empty? ? forwarded[0, 12] : forwarded} GET /)
    end
  end

  it "cannot put anything into a page" do
    proxy = start_proxy(to: refusing_backend)
    page = proxy.get("/", "Accept" => "text/html", "X-Request-Id" => "<script>").body
    expect(page).to include("<code>&#60;script&#62;</code>")
    json = proxy.get("/", "Accept" => "application/json", "X-Request-Id" => 'a"b\\').body
    expect(JSON.parse(json)["request_id"]).to eq('a"b\\')
  end
end
