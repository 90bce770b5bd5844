# frozen_string_literal: true

require "support/integration"

RSpec.describe "built-in error responses" do
  names = {
    "bad_request" => 400, "unauthorized" => 401, "forbidden" => 403, "not_found" => 404, "payload_too_large" => 413,
    "too_many_requests" => 429, "internal_server_error" => 500, "bad_gateway" => 502, "service_unavailable" => 503,
    "gateway_timeout" => 504
  }

  def failing_proxy(name)
    start_proxy(to: refusing_backend, error_response: name)
  end

  names.each do |name, status|
    describe name do
      it "answers #{status} as plain text" do
        response = failing_proxy(name).get("/", "Accept" => "text/plain")
        expect(response.status).to eq(status)
        expect(response["Content-Type"]).to start_with("text/plain")
        expect(response.body).not_to be_empty
      end

      it "answers #{status} as JSON with error, message, code and status" do
        response = failing_proxy(name).get("/", "Accept" => "application/json")
        expect(response.status).to eq(status)
        expect(response["Content-Type"]).to start_with("application/json")
        expect(JSON.parse(response.body))
          .to match(hash_including("error" => be_a(String), "message" => be_a(String), "code" => status,
                                   "status" => "error"))
      end

      it "answers #{status} as an HTML page that loads nothing else" do
        response = failing_proxy(name).get("/", "Accept" => "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
        expect(response.status).to eq(status)
        expect(response["Content-Type"]).to start_with("text/html")
        expect(response.body).to match(/<html/i).and include(status.to_s)
        expect(response.body).not_to match(/\b(src|href)=/i)
      end
    end
  end

  {
    "application/json;q=0.9, text/html;q=0.5" => "application/json",
    "text/html;q=0.5, application/json;q=0.4" => "text/html",
    "text/html;q=0, */*" => "text/plain",
    "text/*;q=0.3, application/json" => "application/json",
    "image/png" => "text/plain",
    "*/*" => "text/plain"
  }.each do |accept, type|
    it "chooses #{type} for Accept: #{accept}" do
      expect(failing_proxy("bad_gateway").get("/", "Accept" => accept)["Content-Type"]).to start_with(type)
    end
  end

  it "reads several Accept lines as one" do
    response = failing_proxy("bad_gateway").get("/", "Accept" => ["text/html;q=0.1", "application/json;q=0.9"])
    expect(response["Content-Type"]).to start_with("application/json")
  end

  it "answers bad_gateway when nothing else is configured" do
    proxy = start_proxy(to: refusing_backend)
    expect(proxy.get.status).to eq(502)
  end

  it "answers HEAD with the head alone" do
    proxy = start_proxy(to: refusing_backend)
    client = proxy.connect
    client.send_request("HEAD", "/", "Connection" => "close")
    head = client.read_head
    expect(head.status).to eq(502)
    expect(head["Content-Length"].to_i).to be_positive
    expect(client.read_to_end).to be_empty
  end

  it "keeps the client's connection open" do
    proxy = start_proxy(to: refusing_backend)
    client = proxy.connect
    2.times { expect(client.get.status).to eq(502) }
  end
end
