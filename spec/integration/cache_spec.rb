# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filter cache" do
  let(:fresh) { { "Cache-Control" => "max-age=600", "ETag" => '"a"', "Surrogate-Key" => "post-1 list" } }

  def stored?(response) = response["Cache-Status"].start_with?("proxy; hit")

  it "answers from what a named memory keeps, in each location that names it" do
    backend = backend_answering("app", fresh)
    log = "#{directory}/access.log"
    address = backend.address
    proxy = start_proxy do
      cache "pages", memory: 4_000_000, max_object: 10_000
      access_log "{path} {cache}", to: log
      location("/a/*") do
        cache "pages", bypass: { cookies: { "session" => true } }, lock_timeout: 1
        proxy to: "http://#{address}{path}{query}"
      end
      location("/b/*") { proxy to: "http://#{address}{path}{query}" }
    end
    answers = %w[/a/1 /a/1 /b/1 /b/1].map { |path| proxy.get(path)["Cache-Status"]&.slice(/hit|uri-miss/) }
    expect(answers).to eq(["uri-miss", "hit", nil, nil])
    expect(proxy.get("/a/1", "Cookie" => "session=1")["Cache-Status"]).to eq("proxy; fwd=bypass")
    expect(backend.requests.length).to eq(4)
    lines = ["/a/1 miss", "/a/1 hit", "/b/1 -", "/b/1 -", "/a/1 bypass"]
    eventually { expect(File.exist?(log) ? File.readlines(log, chomp: true) : []).to eq(lines) }
  end

  it "says in JSON what it did" do
    address = backend_answering("app", fresh).address
    log = "#{directory}/access.log"
    proxy = start_proxy do
      access_log "json", to: log, fields: %w[path cache]
      location("/a") do
        cache
        proxy to: "http://#{address}"
      end
      location("/b") { proxy to: "http://#{address}" }
    end
    %w[/a /a /b].each { |path| proxy.get(path) }
    lines = [["/a", "miss"], ["/a", "hit"], ["/b", nil]].map { |path, cache| { "path" => path, "cache" => cache } }
    eventually { expect(File.exist?(log) ? File.foreach(log).map { |line| JSON.parse(line) } : []).to eq(lines) }
  end

  it "serves Puma's pages without Puma" do
    File.write("#{directory}/config.ru", "run(->(*) { [200, { 'cache-control' => 'public, max-age=60' }, ['once']] })")
    backend = start_puma("#{directory}/config.ru")
    proxy = start_proxy(to: backend) { cache }
    expect(proxy.get("/").body).to eq("once")
    backend.stop
    answer = proxy.get("/")
    expect([answer.body, stored?(answer)]).to eq(["once", true])
  end

  it "purges by URL, pattern and tag" do
    proxy = start_proxy(to: backend_answering("app", fresh)) { cache }
    server = proxy.server
    states = -> { %w[/x/1 /x/2].map { |path| stored?(proxy.get(path)) } }
    states.call
    expect(states.call).to eq([true, true])
    expect(server.purge("http://example.test/x/1", hard: true)).to eq(1)
    expect(states.call).to eq([false, true])
    expect(server.purge("/x/*")).to eq(2)
    expect(states.call).to eq([false, false])
    expect(server.purge(tag: "post-1")).to eq(2)
    expect(server.purge(tag: "post-2")).to eq(0)
    expect(server.purge(all: true, hard: true, cache: "default")).to eq(2)
    expect { server.purge }.to raise_error(ArgumentError, "send one of `url`, `tag` and `all`")
    expect { server.purge("x") }.to raise_error(ArgumentError, /"x" is no URL/)
  end

  it "says what is wrong" do
    said = ->(&lines) { Proxy.check(&lines).map { |problem| problem.message.to_s } }
    expect(said.call { cache "pages" }).to include(/there is no cache "pages"/)
    expect(said.call { location("/a") { cache memory: 4_000_000 } }).to include(/belong outside of every location/)
    expect(said.call { cache memory: 4_000_000, default_ttl: 1 }).to include(/stand alone/)
    expect(said.call { cache memory: 1 }).to include(/memory/)
  end
end
