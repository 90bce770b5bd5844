# frozen_string_literal: true

require "support/stand_in"
require_relative "proxyfiles"

RSpec.describe Proxy::Control do
  include Proxyfiles

  let(:socket) { "#{directory}/control.sock" }
  let(:control) { described_class.connect(socket, timeout: 5) }
  let(:app) do
    { name: "app", backends: [{ address: "127.0.0.1:3001", in_flight: 1 },
                              { address: "unix:/run/a.sock", in_flight: 0 }] }
  end

  # What answers at the socket.
  def answering(listener = UNIXServer.new(socket), &script)
    @stand_in = StandIn.new(listener, &script)
  end

  # Answers the request for the status, and all others with the block.
  def with_status(status, &script)
    answering { |request| request.path == "/status" ? [200, status] : script.call(request) }
  end

  def asked = @stand_in.requests.map { |request| [request.verb, request.path, request.body] }

  after { @stand_in&.stop }

  it "reads the status, with Symbols" do
    answering { [200, { pid: 7, upstreams: [{ name: "app" }] }] }

    expect(control.status).to eq(pid: 7, upstreams: [{ name: "app" }])
    expect(asked).to eq([["GET", "/status", nil]])
  end

  it "asks at a URL with its Host and a token" do
    listener = TCPServer.new("127.0.0.1", 0)
    url = "http://127.0.0.1:#{listener.local_address.ip_port}"
    answering(listener) { [200, {}] }
    described_class.connect(url, token: "secret\n").status

    expect(@stand_in.requests.first.fields)
      .to include("host" => url.delete_prefix("http://"), "authorization" => "Bearer secret")
  end

  {
    "https://127.0.0.1:9090" => "https://127.0.0.1:9090 is no address of a control API: write a path, or a URL such " \
                                "as http://127.0.0.1:9090",
    "http://me:secret@127.0.0.1:9090" => "http://…@127.0.0.1:9090 is no address of a control API: write a path, or a " \
                                         "URL such as http://127.0.0.1:9090",
    "http://127.0.0.1:9090/status" => "http://127.0.0.1:9090/status is no address of a control API: write a path, or " \
                                      "a URL such as http://127.0.0.1:9090"
  }.each do |place, message|
    it "refuses #{place}" do
      expect { described_class.connect(place) }.to raise_error(ArgumentError, message)
    end
  end

  it "refuses a token that cannot be sent, without showing it" do
    expect { described_class.connect(socket, token: "a\r\nb") }
      .to raise_error(ArgumentError, "the token has a character that no token has: write it in one line of ASCII")
  end

  describe "without an answer" do
    it "says that no proxy runs where there is no socket" do
      expect { control.status }
        .to raise_error(Proxy::Control::NotRunning, "no proxy runs at #{socket}: there is no such socket")
    end

    it "says that no proxy runs where nobody listens" do
      UNIXServer.new(socket).close

      expect { control.status }
        .to raise_error(Proxy::Control::NotRunning, "no proxy runs at #{socket}: nobody listens there")
    end

    it "gives up after its time" do
      UNIXServer.open(socket) do
        expect { described_class.connect(socket, timeout: 0.05).status }
          .to raise_error(Proxy::Control::NoAnswer, "the proxy at #{socket} does not answer within 0.05 seconds")
      end
    end

    it "gives up after its time when the queue of the socket is full" do
      listener = Socket.new(:UNIX, :STREAM)
      listener.bind(Socket.sockaddr_un(socket))
      listener.listen(0)
      UNIXSocket.open(socket) do
        expect { described_class.connect(socket, timeout: 0.05).status }
          .to raise_error(Proxy::Control::NoAnswer, /does not answer within 0.05 seconds/)
      end
    ensure
      listener.close
    end

    {
      "" => /ended in the middle of its answer/,
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}" => /ended in the middle of its answer/,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{" => /ended in the middle of its answer/,
      "#{"a" * 20_000}" => /ended in the middle of its answer/,
      "220 mail.example ESMTP\r\n" => /is no proxy: it does not speak HTTP/,
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>" => /is no control API of a proxy: its answer is no JSON/
    }.each do |answer, message|
      it "says what is wrong with the answer #{answer[0, 60].inspect}" do
        answering do |request|
          request.connection.write(answer)
          nil
        end

        expect { control.status }.to raise_error(Proxy::Control::Failure, message)
      end
    end

    it "takes a socket whose path is too long from the folder that it is in" do
      folder = "#{directory}/#{"d" * 100}"
      FileUtils.mkdir_p(folder)
      Dir.chdir(folder) do
        answering(UNIXServer.new("control.sock")) { [200, { pid: 1 }] }
        expect(described_class.connect("#{folder}/control.sock").status).to eq(pid: 1)
      end
    end

    it "says so of a path that has no room" do
      expect { described_class.connect("/#{"d" * 200}").status }
        .to raise_error(Proxy::Control::Failure, /cannot be asked: too long unix socket path/)
    end
  end

  it "asks again, once, where another process serves now" do
    answers = [[409, { error: "reload: PID 8 serves now: ask it", successor: 8 }], [200, { result: "ok" }]]
    answering { answers.length > 1 ? answers.shift : answers.first }
    expect(control.reload).to eq(result: "ok")
    expect(asked).to eq([["POST", "/reload", {}]] * 2)

    answers.replace([[409, { error: "reload: PID 9 serves now: ask it", successor: 9 }]])
    expect { control.reload }.to raise_error(Proxy::Control::Refused, /PID 9 serves now/)
    expect(asked.length).to eq(4)
  end

  it "reads an answer in chunks" do
    answering do |request|
      request.connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" \
                               "3\r\n{\"p\r\n6;a=b\r\nid\":7}\r\n0\r\n\r\n")
      nil
    end

    expect(control.status).to eq(pid: 7)
  end

  it "reads an answer that ends with the connection" do
    answering do |request|
      request.connection.write("HTTP/1.1 200 OK\r\n\r\n{\"pid\":7}")
      nil
    end

    expect(control.status).to eq(pid: 7)
  end

  it "raises what the proxy refuses, with its problems" do
    answering do
      [422, { error: "the configuration is wrong", problems: [
        { file: "Proxyfile", line: 3, severity: "error", code: "word", directive: "prox", message: "unknown word" }
      ] }]
    end

    expect { control.reload }.to raise_error(Proxy::Control::Refused, "the configuration is wrong") { |error|
      expect([error.status, error.problems.map(&:to_s)]).to eq([422, ["Proxyfile:3: prox: unknown word"]])
    }
  end

  it "yields events as they come, until the block is left" do
    more = Queue.new
    answering do |request|
      request.connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n" \
                               "event: figures\r\ndata: {\"pid\":\r\ndata: 7}\r\n\r\n")
      more.pop
      request.connection.write("data: {}\n\n")
      more.pop
      nil
    end
    seen = []
    control.events do |event|
      seen << [event.name, event.data]
      more << true
      break if seen.length == 2
    end

    expect(seen).to eq([[:figures, { pid: 7 }], [:message, {}]])
  ensure
    more << true
  end

  it "asks for requests as events, and for which" do
    answering do |request|
      request.connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
      nil
    end

    expect(control.events(log: { status: "5xx", path: "/a b/*" }) { nil }).to be(control)
    expect(asked).to eq([["GET", "/events?log=1&status=5xx&path=%2Fa%20b%2F%2A", nil]])
  end

  it "lets the errors of its block pass" do
    answering do |request|
      request.connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {}\n\n")
      nil
    end

    expect { control.events { raise Errno::EPIPE } }.to raise_error(Errno::EPIPE)
  end

  describe "names" do
    it "finds a backend by its upstream, or by its address alone, and an upstream" do
      with_status({ upstreams: [app] }) { [200, {}] }
      control.drain("app/127.0.0.1:3001", "unix:/run/a.sock", "app")

      expect(asked.drop(1)).to eq([
        ["POST", "/backends/app/127.0.0.1%3A3001", { state: "draining" }],
        ["POST", "/backends/app/unix%3A%2Frun%2Fa.sock", { state: "draining" }],
        ["POST", "/backends/app", { state: "draining" }]
      ])
    end

    it "leaves to the proxy what its upstream has, such as a DNS name" do
      with_status({ upstreams: [app, { **app, name: "app/v2" }] }) { [200, {}] }
      control.ready("app/app.internal:3000", "app/v2/a")

      expect(asked.drop(1).map { |_, path| path }).to eq(["/backends/app/app.internal%3A3000", "/backends/app%2Fv2/a"])
    end

    it "says which there are" do
      with_status({ upstreams: [app] }) { raise "nothing else is asked" }

      expect { control.down("127.0.0.1:3009") }
        .to raise_error(Proxy::Control::Refused, "there is no backend and no upstream \"127.0.0.1:3009\": there " \
                                                 "are app, app/127.0.0.1:3001 and app/unix:/run/a.sock")
    end

    it "changes nothing if one of them is unknown" do
      with_status({ upstreams: [app] }) { raise "nothing else is asked" }

      expect { control.down("app", "shop") }.to raise_error(Proxy::Control::Refused, /"shop"/)
    end

    it "refuses an address that several upstreams have" do
      with_status({ upstreams: [app, { **app, name: "api" }] }) { raise "nothing else is asked" }

      expect { control.down("127.0.0.1:3001") }
        .to raise_error(Proxy::Control::Refused, "127.0.0.1:3001 is in app and api: write app/127.0.0.1:3001")
    end
  end

  it "waits until nothing is in flight" do
    left = [3, 2, 1, 0]
    answering do |request|
      next [200, {}] unless request.path == "/status"

      in_flight = left.shift
      [200, { upstreams: [{ name: "app", backends: [{ address: "127.0.0.1:3001", in_flight: in_flight }] }] }]
    end

    expect(control.drain("app", wait: 10)).to be(control)
    expect(left).to eq([])
  end

  it "asks for a URL where an address is named" do
    expect { described_class.connect("127.0.0.1:9090").status }
      .to raise_error(Proxy::Control::NotRunning, %r{: write http://127\.0\.0\.1:9090 if it is an address\z})
  end

  it "removes a backend, and not an upstream" do
    with_status({ upstreams: [app] }) { [200, {}] }

    expect { control.remove_backend("app") }
      .to raise_error(Proxy::Control::Refused, "app is an upstream: write app/127.0.0.1:3001 or app/unix:/run/a.sock")
    expect { control.drain("app/") }.to raise_error(Proxy::Control::Refused, %r{\Athere is no backend and .* "app/"})
  end

  it "says so when something is still in flight" do
    with_status({ upstreams: [app] }) { [200, {}] }

    expect { control.drain("app", wait: 0) }
      .to raise_error(Proxy::Control::NoAnswer, "requests are still in flight after 0 seconds")
  end

  it "sends what it is asked for" do
    with_status({ upstreams: [app] }) { [200, {}] }
    control.change_backend("app/127.0.0.1:3001", weight: 3)
    control.add_backend("app", "127.0.0.1:3003", weight: 2)
    control.remove_backend("app/127.0.0.1:3001")
    control.pause("app", 20)
    control.resume("app")
    control.maintenance("app", message: "Back soon", allow: ["10.0.0.0/8"])
    control.end_maintenance
    control.split("v2", 20)
    control.stop
    control.upgrade

    expect(asked.reject { |_, path| path == "/status" }).to eq([
      ["POST", "/backends/app/127.0.0.1%3A3001", { weight: 3 }],
      ["POST", "/upstreams/app/backends", { address: "127.0.0.1:3003", weight: 2 }],
      ["DELETE", "/upstreams/app/backends/127.0.0.1%3A3001", nil],
      ["POST", "/pause", { upstream: "app", seconds: 20 }],
      ["POST", "/resume", { upstream: "app" }],
      ["POST", "/maintenance", { upstream: "app", message: "Back soon", allow: ["10.0.0.0/8"] }],
      ["POST", "/maintenance", { off: true }],
      ["POST", "/rollout", { upstream: "v2", percent: 20 }], ["POST", "/stop", {}], ["POST", "/upgrade", {}]
    ])
  end
end
