# frozen_string_literal: true

require "support/integration"

RSpec.describe "one's own error response" do
  def failing_proxy(error_response)
    start_proxy(to: refusing_backend, error_response: error_response)
  end

  everything = {
    status: 503,
    plaintext: "Down for maintenance",
    json: { inline: { message: "Down", nested: [1, nil] } },
    html: "<h1>Down</h1>",
    default: "html",
    headers: { "Retry-After" => "120", "X-Why" => "maintenance" }
  }

  {
    "text/plain" => ["text/plain", "Down for maintenance"],
    "application/json" => ["application/json", '{"message":"Down","nested":[1,null]}'],
    "text/html" => ["text/html", "<h1>Down</h1>"],
    "image/png" => ["text/html", "<h1>Down</h1>"],
    "application/json;q=0.2, text/plain;q=0.8" => ["text/plain", "Down for maintenance"]
  }.each do |accept, (type, body)|
    it "answers Accept: #{accept} with #{type}" do
      response = failing_proxy(everything).get("/", "Accept" => accept)
      expect([response.status, response["Content-Type"].split(";").first, response.body]).to eq([503, type, body])
    end
  end

  it "carries its headers" do
    response = failing_proxy(everything).get
    expect([response["Retry-After"], response["X-Why"]]).to eq(%w[120 maintenance])
  end

  it "accepts code: and default_format: for status: and default:" do
    response = failing_proxy(code: 418, plaintext: "teapot", json: { inline: { teapot: true } },
                             default_format: "json").get
    expect([response.status, response.body]).to eq([418, '{"teapot":true}'])
  end

  it "answers what it has when Accept asks for a form it lacks" do
    response = failing_proxy(status: 503, plaintext: "only text").get("/", "Accept" => "application/json")
    expect(response.body).to eq("only text")
  end

  it "is read from a file at load" do
    page = File.join(directory, "503.html")
    File.write(page, "<p>from a file</p>")
    proxy = failing_proxy(status: 503, html: { file: page })
    File.delete(page)
    expect(proxy.get("/", "Accept" => "text/html").body).to eq("<p>from a file</p>")
  end
end
