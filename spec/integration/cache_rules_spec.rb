# frozen_string_literal: true

require "time"
require "support/integration"

RSpec.describe "the filter cache", "as applications and operators use it" do
  def status_of(response) = response["Cache-Status"][/hit|miss/]

  it "keeps apart what locations with one pattern and other conditions answer" do
    fresh = { "Cache-Control" => "max-age=600" }
    inside = backend_answering("inside", fresh).address
    outside = backend_answering("outside", fresh).address
    proxy = start_proxy do
      location("/admin/*", headers: { "X-Beta" => "yes" }) do
        cache
        proxy backends: [inside]
      end
      location("/admin/*") do
        cache
        proxy backends: [outside]
      end
    end
    asked = [{ "X-Beta" => "yes" }, {}] * 2
    answers = asked.map { |headers| proxy.get("/admin/", headers) }
    expect(answers.map(&:body)).to eq(%w[inside outside inside outside])
    expect(answers.map { |answer| status_of(answer) }).to eq(%w[miss miss hit hit])
  end

  it "makes a response fresh again by a 304 without Date, as Puma sends it" do
    # What is stale as it comes.
    hour_ago = (Time.now - 3600).httpdate
    File.write("#{directory}/config.ru", <<~RUBY)
      fields = { "cache-control" => "public, max-age=60", "etag" => '"a"' }
      run(lambda do |env|
        next [304, fields, []] if env["HTTP_IF_NONE_MATCH"]

        [200, { **fields, "date" => #{hour_ago.inspect} }, ["once"]]
      end)
    RUBY
    proxy = start_proxy(to: start_puma("#{directory}/config.ru")) { cache }
    states = Array.new(3) { proxy.get("/")["Cache-Status"][/fwd=\w+-?\w*|hit/] }
    expect(states).to eq(%w[fwd=uri-miss fwd=stale hit])
  end

  it "gives all who wait the stale response when the backend hangs" do
    hanging = Queue.new
    fields = { "Cache-Control" => "max-age=600, stale-if-error=600", "ETag" => '"a"' }
    backend = start_backend do |connection|
      while connection.read_request
        backend.requests.length > 1 ? hanging.pop : connection.answer("old", fields)
      end
    end
    address = backend.address
    proxy = start_proxy do
      cache lock_timeout: 0.1
      proxy backends: [address], timeout: 1
    end
    proxy.get
    proxy.server.purge("/*")
    answers = Array.new(3) { in_background { proxy.get } }.map(&:value)
    expect(answers.map { |answer| [answer.status, answer.body] }).to eq([[200, "old"]] * 3)
  ensure
    hanging.close
  end

  it "answers nobody during maintenance" do
    proxy = start_proxy(to: backend_answering("app", { "Cache-Control" => "max-age=600" })) { cache }
    expect(Array.new(2) { status_of(proxy.get) }).to eq(%w[miss hit])
    proxy.server.maintenance
    expect(proxy.get.status).to eq(503)
  end

  it "stores no response of which a purge or a parser would miss a part" do
    tags = (0...300).map { |number| "t#{number}" }.join(" ")
    fields = { "/tags" => { "Cache-Control" => "max-age=600", "Surrogate-Key" => tags },
               "/framing" => { "Cache-Control" => 'max-age=600, private="Content-Length"' } }
    backends = fields.transform_values { |value| backend_answering("app", value).address }
    proxy = start_proxy do
      cache
      backends.each { |path, address| location(path) { proxy backends: [address] } }
    end
    fields.each_key do |path|
      answers = Array.new(2) { proxy.get(path) }
      expect(answers.map { |answer| status_of(answer) }).to eq(%w[miss miss])
      expect(answers.map { |answer| answer.all("Content-Length").length }).to eq([1, 1])
    end
  end
end
