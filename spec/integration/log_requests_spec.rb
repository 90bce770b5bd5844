# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filter log_requests" do
  # What a proxy with this configuration writes about the requests of the block, without times and ids.
  def logged(proxyfile)
    proxy = start_proxy_process(proxyfile)
    yield proxy
    proxy.process.signal(:TERM)
    proxy.process.wait
    proxy.process.output.scan(/^\S+ info request_id=([0-9a-f]{12}) (.*)$/)
  end

  it "writes a line when a request comes by and one when it has been answered, with its id" do
    backend = backend_answering("hello", { "X-Total" => "3" })
    lines = logged(<<~RUBY) do |proxy|
      log_requests before: "{method} {path} {query} {User-Agent}", after: "{status} {bytes} {X-Total} {attempts} {Host}"
      proxy to: "http://app.test/new{path}", backends: ["#{backend.address}"], headers: { "User-Agent" => "ours" }
    RUBY
      proxy.get("/a?b=c", "User-Agent" => "spec \"1\"\xFF".b)
      proxy.request("HEAD", "/d")
    end

    # The client may ask for the next thing on another engine thread before the last line about the first is written.
    by_request = lines.group_by(&:first).values.map { |pair| pair.map(&:last) }
    expect(by_request)
      .to eq([['GET /a ?b=c spec \"1\"\xff', "200 5 3 1 example.test"], ["HEAD /d - -", "200 0 3 1 example.test"]])
  end

  it "sees what the filters before it let pass, and whatever becomes of that" do
    lines = logged(<<~RUBY) do |proxy|
      location("/refused") do
        deny_list "127.0.0.1"
        log_requests before: "never"
      end
      location("/rewritten") do
        rewrite path: "/new"
        log_requests before: "before {path}", after: "after {path} {status}"
        max_body 1
      end
      location("/nothing") { log_requests after: "{status}" }
    RUBY
      proxy.get("/refused")
      proxy.get("/rewritten")
      proxy.request("POST", "/rewritten", {}, "xx")
      proxy.get("/nothing")
    end

    # The line for one request may come after the next has come by, on another connection.
    requests = lines.group_by(&:first).values.map { |group| group.map(&:last) }
    expect(requests)
      .to contain_exactly(["before /new", "after /rewritten 404"], ["before /new", "after /rewritten 413"], ["404"])
  end

  it "says nothing where the log is for more important things" do
    lines = logged(<<~RUBY) { |proxy| proxy.get("/") }
      log_level :warn
      log_requests before: "{method}", after: "{status}"
    RUBY

    expect(lines).to eq([])
  end
end
