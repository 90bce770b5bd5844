# frozen_string_literal: true

require "support/integration"

RSpec.describe "string rewrites" do
  # What `template` became for one request.
  def rewritten(template, target: "/a/b?x=1&y=2", **request_headers)
    backend = start_backend
    proxy = start_proxy(to: backend, headers: { "X-Result" => { rewrite: template } })
    @port = URI(proxy.url).port
    proxy.get(target, request_headers)
    backend.request["X-Result"]
  end

  {
    "{method}" => "GET",
    "{path}" => "/a/b",
    "{query}" => "?x=1&y=2",
    "{path_and_query}" => "/a/b?x=1&y=2",
    "{addr}" => "127.0.0.1",
    "{host}" => "example.test",
    "{scheme}" => "http",
    "{User-Agent}" => "spec/1",
    "{user-agent}" => "spec/1",
    "{cookie.id}" => "7",
    "{cookie.none}" => "",
    "{unknown}" => "{unknown}",
    "{unknown|replace:a,b}" => "{unknown|replace:a,b}",
    "{path|strip_prefix:/a}" => "/b",
    "{path|strip_prefix:/b}" => "/a/b",
    "{path|strip_suffix:/b}" => "/a",
    "{path|replace:/,-}" => "-a-b",
    "{path|strip_prefix:/|replace:/,.}" => "a.b",
    "<{method}:{path}>" => "<GET:/a/b>",
    "{" => "{",
    "}" => "}",
    "{path" => "{path"
  }.each do |template, result|
    it "makes #{result.inspect} of #{template}" do
      headers = { "User-Agent": "spec/1", Cookie: "session=x; id=7; ids=8" }
      expect(rewritten(template, **headers).to_s).to eq(result)
    end
  end

  it "has an empty {query} when there is none" do
    expect(rewritten("[{query}]", target: "/a")).to eq("[]")
  end

  it "knows the port it listens on" do
    expect(rewritten("{port}")).to eq(@port.to_s)
  end

  it "writes {start_time} as date and time to the millisecond" do
    expect(rewritten("{start_time}")).to match(/\A\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}\z/)
  end

  it "makes {request_id} the beginning of {request_id_full}" do
    short, full = rewritten("{request_id} {request_id_full}").split
    expect(full).to match(/\A\h{32}\z/)
    expect(full).to start_with(short)
  end

  it "takes a built-in name before a header of that name" do
    expect(rewritten("{method}", method: "theirs")).to eq("GET")
  end
end
