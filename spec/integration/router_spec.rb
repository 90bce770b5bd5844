# frozen_string_literal: true

require "support/integration"
require "proxy/router"
require "support/tokens"

# The router and the running proxy must say the same.
RSpec.describe "Proxy::Router and a proxy that runs" do
  secret = Tokens.key("HS256")
  hash = "secret".crypt("$2y$04$abcdefghijklmnopqrstuu")
  token = Tokens.sign({ sub: "ann", exp: Time.now.to_i + 600 }, "HS256", secret)

  let(:configuration) do
    to = backend_answering("backend").address
    proc do
      host "secure.example" do
        redirect_http_to_https! port: 8443
        proxy backends: [to]
      end
      location("/denied") { deny_list "127.0.0.1"; proxy backends: [to] }
      location("/allowed") { allow_list "127.0.0.1"; proxy backends: [to] }
      location "/elsewhere" do
        allow_list "192.0.2.7",
                   error_response: { status: 404, plaintext: "no", json: { inline: {} }, default: "plaintext" }
        proxy backends: [to]
      end
      location("/basic") { auth_basic realm: "Staff", credentials: { "ann" => hash }; proxy backends: [to] }
      location("/key") { auth_api_key keys: ["sesame"]; proxy backends: [to] }
      location("/jwt") { auth_jwt secret: secret; proxy backends: [to] }
      location("/cors") { cors origins: ["https://a.example"]; proxy backends: [to] }
      location("/moved/*") { redirect to: "https://{host}/new{path}{query}", type: "permanent" }
      location("/found") { redirect to: "/{X-Next}" }
      location("/static") { static_response code: 418, body: "tea\n" }
      location("/only") { proxy backends: [to], path_prefix: "/only/here" }
      location("/rewritten/*") { rewrite path: "/x{path}"; proxy backends: [to] }
    end
  end

  {
    "GET /denied" => {}, "GET /allowed" => {}, "GET /elsewhere" => { "Accept" => "application/json" },
    "GET /basic" => {}, "GET /basic with no base64" => { "Authorization" => "Basic *" },
    "GET /key" => {}, "GET /key with a wrong one" => { "X-Api-Key" => "open" },
    "GET /key with it" => { "X-Api-Key" => "sesame" },
    "GET /jwt" => {}, "GET /jwt with one" => { "Authorization" => "Bearer #{token}" },
    "GET /jwt with a broken one" => { "Authorization" => "Bearer #{token}x" },
    "OPTIONS /cors" => { "Origin" => "https://a.example", "Access-Control-Request-Method" => "PUT" },
    "GET /cors" => { "Origin" => "https://b.example" },
    "GET /moved/a?b=c" => { "Host" => "a.example" }, "GET /found" => { "X-Next" => "//evil.example/" },
    "GET /static" => {}, "GET /only/here/x" => {}, "GET /only" => {}, "GET /none" => {}, "GET /rewritten/a" => {},
    "GET /a/../.." => {}, "GET /only%2Fhere" => {}, "OPTIONS /allowed" => { "Max-Forwards" => "0" },
    "TRACE /allowed" => { "Max-Forwards" => "0" }, "TRACE /static" => { "Max-Forwards" => "0" },
    "GET /secure?a" => { "Host" => "secure.example:8080" }
  }.each do |name, headers|
    it "agree on #{name}" do
      request = name[/\A\S+ \S+/]
      response = start_proxy(&configuration).request(*request.split, headers)
      found = Proxy::Router.new(&configuration).explain(request, headers: { "Host" => "example.test", **headers })

      expect([found.status || 200, found.location, found.challenge])
        .to eq([response.status, response["Location"], response["WWW-Authenticate"]])
      expect(found.forwarded?).to be(response.body == "backend")
      expect(response.body).to eq(found.body) if found.body
    end
  end
end
