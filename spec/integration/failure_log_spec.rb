# frozen_string_literal: true

require "support/integration"

# What a proxy with this configuration logs of requests that fail at a backend.
RSpec.describe "the log of failures" do
  def warnings(proxyfile)
    proxy = start_proxy_process(proxyfile)
    yield proxy
    proxy.process.signal(:TERM)
    proxy.process.wait
    proxy.process.output.scan(/^\S+ warn (.*)$/).flatten.map { |line| line.sub(/request_id=\h+ /, "") }
  end

  it "has one line for a request to one backend that refuses it, however often it was tried" do
    address = refusing_backend.address
    expect(warnings("proxy backends: [#{address.inspect}], retries: 3", &:get))
      .to eq(["GET /: cannot connect to #{address}: Connection refused (os error 111)"])
  end

  it "has one line for a request that fails at several, and one for each that comes last from now on" do
    addresses = Array.new(2) { refusing_backend.address }
    refused = addresses.map { |address| "cannot connect to #{address}: Connection refused (os error 111)" }
    lines = warnings("proxy backends: #{addresses.inspect}, backend_priority: :ordered", &:get)
    expect(lines.grep(/GET/)).to eq(["GET /: #{refused.join("; ")}"])
    expect(lines.grep(/upstream/)).to eq(addresses.map { |address|
      "upstream #{addresses[0]}: #{address} cannot be connected to (connection refused): it comes last until it can"
    })
    expect(lines.length).to eq(3)
  end

  it "says who answered in the end" do
    leaving = start_backend { |connection| connection.read_request && connection.close }.address
    good = backend_answering("good").address
    expect(warnings("proxy backends: [#{leaving.inspect}, #{good.inspect}], backend_priority: :ordered", &:get))
      .to eq(["GET /: #{leaving}: the connection ended too early; answered by #{good}"])
  end

  # Whatever it is that fails: what is sent, and what the log says of it at level debug.
  client_failures = {
    "a request without a Host" =>
      ["GET /a HTTP/1.1\r\n\r\n", "GET /a from 127.0.0.1: refused with 400: the Host header is missing"],
    "a target that is no URI" =>
      ["GET a HTTP/1.1\r\nHost: a\r\n\r\n", /\AGET \S* from 127\.0\.0\.1: refused with 400: /],
    "lengths that differ" => ["POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                              /\APOST \/a from 127\.0\.0\.1: refused with 400: /],
    "a head that is too long" => ["GET /a HTTP/1.1\r\nHost: a\r\nX: #{"x" * 3000}\r\n\r\n",
                                  "GET /a from 127.0.0.1: refused with 431: its head is longer than max_header_size"],
    "a head that is not whole" =>
      ["GET /a HTTP/1.1\r\nHo", "GET /a from 127.0.0.1: refused with 408: its head was not whole within " \
                                "client_header_timeout"]
  }

  [false, true].each do |logs_access|
    describe "with the access log #{logs_access ? "on" : "off"}" do
      def lines(proxy)
        proxy.process.signal(:TERM)
        proxy.process.wait
        lines = proxy.process.output.lines(chomp: true)
        [lines.filter_map { |line| line[/^\S+ (?:debug|warn|error|info) request_id=.*/] }, lines.grep(/^access /)]
      end

      define_method(:access_log) { logs_access ? "access_log 'access {request_id} {status}'\n" : "" }

      # The line of the log without its time; the access log has one with the same id and this status.
      define_method(:expect_one) do |proxy, status, said|
        told, access = lines(proxy)
        expect(told.length).to eq(1), told.join("\n")
        id, message = told[0].match(/request_id=(\S+) (.*)/).captures
        expect(message).to match(said.is_a?(Regexp) ? said : /\A#{Regexp.escape(said)}\z/)
        expect(access).to eq(logs_access ? ["access #{id} #{status}"] : [])
        id
      end

      client_failures.each do |what, (bytes, said)|
        it "has one line for #{what}" do
          proxy = start_proxy_process("#{access_log}log_level :debug\nmax_header_size 2048\nclient_header_timeout " \
                                      "0.3\nstatic_response body: 'ok'\n")
          client = proxy.connect
          client.write(bytes)
          response = client.read_response
          client.close # Else the end of the proxy waits for what it may still send.
          id = expect_one(proxy, response.status, said)
          expect(response["X-Request-Id"]).to start_with(id)
        end
      end

      it "has one line for a client that goes away" do
        backend = start_backend { |connection| connection.read_request && connection.read_to_end }
        proxy = start_proxy_process("#{access_log}log_level :debug\nproxy backends: [#{backend.address.inspect}]\n")
        client = proxy.connect
        client.send_request("GET", "/a", { "X-Request-Id" => "of-the-client" })
        backend.await_requests(1)
        client.reset
        proxy.process.await_output(/the client went away/)
        expect(expect_one(proxy, 499, /\AGET \/a: the client went away: /)).to eq("of-the-client")
      end

      {
        "that is dead" => [->(spec) { spec.refusing_backend }, 502, /\AGET \/a: cannot connect to /],
        "that answers nothing in time" =>
          [->(spec) { spec.start_backend { |connection| connection.read_to_end } }, 504,
           /: no response head within timeout\z/],
        "that ends too early" =>
          [->(spec) { spec.start_backend { |connection| connection.read_request && connection.close } }, 502,
           /: the connection ended too early\z/],
        "that answers nonsense" =>
          [->(spec) {
             spec.start_backend { |connection|
               connection.read_request &&
                 connection.write("nonsense\r\n\r\n")
             }
           }, 502, /: malformed message: /]
      }.each do |what, (start, status, said)|
        it "has one line for a backend #{what}, with the id that the client gets" do
          proxy = start_proxy_process("#{access_log}proxy backends: [#{start.call(self).address.inspect}], timeout: " \
                                      "0.3, retries: 0\n")
          response = proxy.get("/a", "Accept" => "application/json")
          expect(response.status).to eq(status)
          id = expect_one(proxy, status, said)
          expect(response["X-Request-Id"]).to start_with(id)
          expect(JSON.parse(response.body)["request_id"]).to eq(response["X-Request-Id"])
        end
      end
    end
  end
end
