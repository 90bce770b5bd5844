# frozen_string_literal: true

require "digest"
require "json"
require "open3"
require_relative "grpc"
require_relative "raw_client"
require_relative "web_socket"

# Clients of every kind, each in a thread, that go on until they are told to stop. What went wrong is noted with the
# kind and the number of the request.
class Load
  # Bytes of the file `/large`.
  LARGE = 1_000_000

  # What went wrong in a request, and when.
  Failure = Struct.new(:time, :text) do
    def to_s = "#{time.utc.strftime("%H:%M:%S.%L")} #{text}"
  end

  # Requests by kind; failures, each a Failure.
  attr_reader :counts, :failures

  # `url` has `/small`, `/large`, `/post` and the echo of nine bytes at a time at `/ws`; `secure` is an address of
  # HTTP/2.
  def initialize(url, secure)
    @url, @secure = url, secure
    @counts, @failures = Hash.new(0), Queue.new
    @threads, @grpc = [], []
  end

  # The block gets a number, and returns what went wrong, or nil.
  def client(kind)
    @threads << Thread.new do
      number = 0
      until @over
        begin
          wrong = yield(number += 1)
        rescue StandardError => error
          wrong = "#{error.class}: #{error.message}"
        end
        @counts[kind] += 1
        @failures << Failure.new(Time.now, "#{kind} #{number}: #{wrong}") if wrong
      end
    end
  end

  # Requests over one connection, until an answer says that it is the last.
  def kept(kind)
    connection = nil
    client(kind) do |number|
      connection ||= RawClient.connect(@url)
      response = yield connection, number
      if response["Connection"] == "close"
        connection.close
        connection = nil
      end
      "status #{response.status}" unless response.status == 200
    rescue StandardError
      connection = nil
      raise
    end
  end

  # Every kind of client.
  def start
    2.times { kept("GET kept alive") { |connection| connection.get("/small") } }
    client("GET on a new connection") { get_anew }
    kept("POST") { |connection, number| connection.request("POST", "/post", {}, "y" * (number % 10 * 5000)) }
    client("download") { download }
    2.times { client("tunnel") { echo } }
    http2("HTTP/2, one by one")
    http2("HTTP/2, ten at once", "--parallel", "--parallel-max", "10")
    self
  end

  # A client that sends and takes a few bytes at a time.
  def start_slow
    client("slow") do
      connection = RawClient.connect(@url)
      connection.write("POST /post HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3000\r\nConnection: close\r\n\r\n")
      30.times { connection.write("z" * 100).then { sleep 0.05 } }
      status = connection.read_response.status
      "status #{status}" unless status == 200
    ensure
      connection&.close
    end
  end

  # A client that sends large bodies to the digest of apps/echo.ru.
  def start_uploads
    client("upload") do |number|
      body = "#{number} " * 100_000
      answer = RawClient.request(@url, "POST", "/digest", {}, body)
      wanted = { "size" => body.bytesize, "sha256" => Digest::SHA256.hexdigest(body) }
      next "status #{answer.status}" unless answer.status == 200

      "other bytes: #{answer.body}" unless JSON.parse(answer.body) == wanted
    end
  end

  # A client that sends messages over WebSockets to the server of apps/websocket.ru.
  def start_websocket
    client("WebSocket") do |number|
      socket = WebSocket.new(RawClient.connect(@url), "/websocket")
      next "status #{socket.response.status}" unless socket.open?

      wrong = %W[first\ #{number} #{"long " * 500}].find { |text| socket.send(text).then { socket.receive } != text }
      "another message than #{wrong[0, 20]} came back" if wrong
    ensure
      socket&.close
    end
  end

  # Calls of each kind of gRPC to the server of apps/grpc_server.rb: one client goes through all kinds without a pause,
  # and the streams of another take seconds each.
  def start_grpc
    grpc("gRPC") { |client, address, number| any_call(client, address, number) }
    grpc("slow gRPC stream") do |client, address, _|
      wrong_call(client.call(:slow_collect, address, "a", "b", "c", deadline: 60), ["a,b,c"])
    end
  end

  # The number of requests so far; those of HTTP/2 count once their run is over.
  def requests = @counts.except("runs of curl").values.sum

  def stop
    @over = true
    @threads.each(&:join)
    stop_grpc
  end

  # Ends the clients of gRPC, which are processes.
  def stop_grpc = @grpc.each(&:stop).clear

  private

  # The block gets a client of gRPC in a process of its own, the `HOST:PORT`, and a number. The library may end its
  # process when a call fails.
  def grpc(kind)
    @grpc << (calls = GrpcClient.new)
    address = URI(@url).then { |uri| "#{uri.host}:#{uri.port}" }
    client(kind) do |number|
      yield calls, address, number
    rescue StandardError
      @grpc.delete(calls).stop
      @grpc << (calls = GrpcClient.new)
      raise
    end
  end

  def any_call(client, address, number)
    kind, messages, replies = [
      [:unary, ["call #{number}"], ["call #{number}"]],
      [:unary, ["{\"size\": 300000}"], ["x" * 300_000]],
      [:collect, %w[a b c], ["a,b,c"]],
      [:expand, %w[3], ["message 0", "message 1", "message 2"]],
      [:chat, %w[one two three], %w[one two three]]
    ][number % 5]
    wrong_call(client.call(kind, address, *messages, deadline: 60), replies)&.prepend("#{kind}: ")
  end

  def wrong_call(outcome, replies)
    return "status #{outcome.code}: #{outcome.message}" unless outcome.code.zero?

    "other replies: #{outcome.replies.inspect[0, 200]}" unless outcome.replies == replies
  end

  def get_anew
    status = RawClient.request(@url, "GET", "/small").status
    "status #{status}" unless status == 200
  end

  def download
    size = RawClient.request(@url, "GET", "/large").body.bytesize
    "only #{size} bytes" unless size == LARGE
  end

  def echo
    socket = RawClient.connect(@url)
    socket.send_request("GET", "/ws", { "Connection" => "Upgrade", "Upgrade" => "echo" })
    head = socket.read_head
    return "status #{head.status}" unless head.status == 101

    10.times do |number|
      socket.write("message #{number}")
      got = socket.read(9)
      return "#{got.inspect} came back" unless got == "message #{number}"

      sleep 0.02
    end
    nil
  ensure
    socket&.close
  end

  # Requests over one connection of HTTP/2, until that is told to end; ten at once with `parallel`.
  def http2(kind, *parallel)
    client("runs of curl") do
      out, = Open3.capture2("curl", "--silent", "--no-progress-meter", "--insecure", "--http2", *parallel,
                            "--output", "/dev/null", "--max-time", "60",
                            "--write-out", "%{http_version} %{response_code} %{exitcode}\n", "#{@secure}?[1-300]")
      answers = out.lines(chomp: true).tally
      @counts[kind] += answers.fetch("2 200 0", 0)
      "#{kind}: #{answers}" unless answers == { "2 200 0" => 300 }
    end
  end
end
