# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "mistakes in what keeps backends well", :wrong_types do
  include Proxyfiles

  seconds = "write a number of seconds, such as 30 or 0.5"
  time = "write seconds greater than 0, as in 30 or 0.5"
  status = "write a status code, a range such as 200..399, or an Array of them"

  unasked = "tcp: true sends no request: leave one of them out"

  # What is written behind `proxy backends: ["127.0.0.1:1"], `, and the one message it gets.
  {
    "health_check: true" =>
      'health_check: true is not allowed: write a Hash, such as { path: "/healthz", interval: 10 }',
    "health_check: { pth: '/a' }" => "health_check: unknown option :pth (did you mean :path?)",
    "health_check: { path: 'healthz' }" =>
      'health_check: path: "healthz" is not a valid path: write one that begins with /, such as "/healthz"',
    "health_check: { method: 'CONNECT' }" =>
      'health_check: method: "CONNECT" cannot be asked with: write a method such as "GET" or "HEAD"',
    "health_check: { method: :head, body: 'ok' }" =>
      'health_check: body: the answer to HEAD has no body: write method: "GET", or leave body out',
    "health_check: { headers: { 'Connection' => 'close' } }" =>
      'health_check: headers: "Connection" is set by the proxy itself: leave it out',
    "health_check: { interval: 0 }" => "health_check: interval: 0 is not a valid time: #{time}",
    "health_check: { interval: -1 }" => "health_check: interval: -1 is negative: #{seconds}",
    "health_check: { timeout: 0.0 }" => "health_check: timeout: 0 is not a valid time: #{time}",
    "health_check: { status: '200' }" => "health_check: status: \"200\" is a String: #{status}",
    "health_check: { status: 99 }" => "health_check: status: 99 is not a valid status code: write one from 100 to 599",
    "health_check: { status: [200, 500..600] }" =>
      "health_check: status: 500..600 is not a valid range of status codes: write one from 100 to 599, such as " \
      "200..399",
    "health_check: { body: /a(?=b)/ }" =>
      "health_check: body: /(?m)a(?=b)/ cannot be used (look-around, including look-ahead and look-behind, is not " \
      "supported): write a pattern without look-around and back-references",
    "health_check: { port: 0 }" => "health_check: port: 0 is not a valid port: write a number from 1 to 65535",
    "health_check: { rise: 0 }" => "health_check: rise: 0 is out of range: write a number from 1 to 1000",
    "health_check: { fall: 1001 }" => "health_check: fall: 1001 is out of range: write a number from 1 to 1000",
    "max_fails: 10_001" => "max_fails: 10001 is out of range: write a number from 0 to 10000",
    "fail_timeout: 0" => "fail_timeout: 0 is not a valid time: #{time}",
    "max_connections: 1, queue: 1_000_001" => "queue: 1000001 is out of range: write a number from 0 to 1000000",
    "queue_timeout: 0" => "queue_timeout: 0 is not a valid time: #{time}",
    "queue: 5" =>
      "queue: no backend is ever too busy, so requests wait in a pause alone: add max_connections, or leave it out",
    "fail_timeout: 5" => "fail_timeout: no failures are counted: add max_fails: 3, or leave it out",
    "max_connections: 1, queue_timeout: 3" => "queue_timeout: no request ever waits: add queue: 100, or leave it out",
    "health_check: { tcp: true, path: '/a' }" => "health_check: path: #{unasked}",
    "health_check: { tcp: true, method: 'HEAD' }" => "health_check: method: #{unasked}",
    "health_check: { tcp: true, headers: { 'A' => 'b' } }" => "health_check: headers: #{unasked}",
    "health_check: { tcp: true, status: 200 }" => "health_check: status: #{unasked}",
    "health_check: { tcp: true, body: 'ok' }" => "health_check: body: #{unasked}",
    "retry_budget: 101" => "retry_budget: 101 is out of range: write per cent from 0 to 100, such as 20",
    "health_check: { tcp: true, grpc: true }" => "health_check: grpc: #{unasked}",
    "health_check: { tcp: true, service: 'a.B' }" => "health_check: service: #{unasked}",
    "health_check: { grpc: 1 }" => "health_check: grpc: 1 is an Integer: write true",
    "health_check: { grpc: true, service: :cart }" =>
      "health_check: service: :cart is a Symbol: write the name of a gRPC service, such as \"shop.v1.Cart\", or \"\"",
    "health_check: { service: 'a.B' }" =>
      "health_check: service: only gRPC's health service knows it: add grpc: true, or leave it out"
  }.each do |text, message|
    it "are told for #{text}" do
      expect(problems_of("threads 1\n\nproxy backends: ['127.0.0.1:1'], #{text}\n"))
        .to eq(["Proxyfile:3: proxy: #{message}"])
    end
  end

  it "are not told for a queue in which requests wait for the first good check" do
    expect(problems_of("proxy backends: ['127.0.0.1:1'], queue: 5, health_check: { path: '/up' }\n")).to eq([])
  end

  it "are told for what means nothing without another option, where DNS says the backends too" do
    expect(problems_of("\nproxy to: 'http://a.example{path}', fail_timeout: 5\n"))
      .to eq(["Proxyfile:2: proxy: fail_timeout: no failures are counted: add max_fails: 3, or leave it out"])
    expect(problems_of("proxy backends: ['127.0.0.1:1'], max_fails: 1, fail_timeout: 5, max_connections: 1, queue: " \
                       "1, " \
                       "queue_timeout: 3, health_check: { tcp: true, port: 81 }\n")).to eq([])
  end

  it "are told for a reason to try again that is none" do
    expect(problems_of("\nproxy backends: ['127.0.0.1:1'], retry_on: [:timeout, 500]\n"))
      .to match([a_string_starting_with("Proxyfile:2: proxy: retry_on: ").and(including("write"))])
  end

  it "are told for gRPC checks of what cannot answer them, or beside what they do not ask" do
    expect(problems_of("\nproxy backends: ['127.0.0.1:1'], health_check: { grpc: true }\n"))
      .to eq(["Proxyfile:2: proxy: health_check: grpc: gRPC needs backends that speak HTTP/2: write " \
              "\"h2://HOST:PORT\" for those without " \
              "TLS, or protocol: \"http2\" for all"])
    beside = "grpc: true calls grpc.health.v1.Health/Check: leave one of them out"
    expect(problems_of("proxy backends: ['h2://127.0.0.1:1'], health_check: { grpc: true, path: '/a', status: 200, " \
                       "body: 'x', method: 'HEAD' }\n"))
      .to match_array(%w[path method status
                         body].map { |option| "Proxyfile:1: proxy: health_check: #{option}: #{beside}" })
    expect(problems_of("\n\nproxy backends: ['h2://127.0.0.1:1'], health_check: { grpc: true, headers: { 'TE' => 'x' " \
                       "} }\n"))
      .to eq(["Proxyfile:3: proxy: health_check: headers: \"TE\" is set by the proxy itself: leave it out"])
  end

  it "are told for a port that a unix socket does not have" do
    expect(problems_of("proxy backends: ['unix:/run/app.sock'], health_check: { port: 81 }\n"))
      .to eq(["Proxyfile:1: proxy: health_check: port: a unix socket has no port: leave port out, or write such " \
              "backends into an " \
              "upstream of their own"])
  end
end
