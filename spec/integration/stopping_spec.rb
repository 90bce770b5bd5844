# frozen_string_literal: true

require "support/integration"

RSpec.describe "stopping" do
  # A backend that answers when it is told to.
  def waiting_backend(answers)
    start_backend do |connection|
      while connection.read_request
        answers.pop
        connection.answer("finished")
      end
    end
  end

  it "on SIGTERM finishes the request in flight, then exits 0" do
    answers = Queue.new
    backend = waiting_backend(answers)
    proxy = start_proxy_process("proxy backends: [#{backend.address.inspect}]")
    client = proxy.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    idle = proxy.connect
    proxy.process.signal(:TERM)
    expect(idle).to be_closed
    expect { proxy.connect }.to raise_error(Errno::ECONNREFUSED)
    answers << true
    response = client.read_response
    expect([response.body, response["Connection"]]).to eq(%w[finished close])
    expect(proxy.process.wait.exitstatus).to eq(0)
  end

  it "on SIGINT exits 0" do
    proxy = start_proxy_process("static_response body: 'ok'")
    proxy.get
    proxy.process.signal(:INT)
    expect(proxy.process.wait.exitstatus).to eq(0)
  end

  it "ends at once on a second signal" do
    backend = waiting_backend(Queue.new)
    proxy = start_proxy_process("proxy backends: [#{backend.address.inspect}]")
    client = proxy.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    idle = proxy.connect
    proxy.process.signal(:TERM)
    expect(idle).to be_closed
    proxy.process.signal(:TERM)
    expect(seconds { proxy.process.wait }).to be < 3
  end

  it "ends after shutdown_timeout, finished or not" do
    backend = waiting_backend(Queue.new)
    proxy = start_proxy_process("shutdown_timeout 0.3\nproxy backends: [#{backend.address.inspect}]")
    client = proxy.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    proxy.process.signal(:TERM)
    expect(seconds { proxy.process.wait }).to be_between(0.2, 3)
  end

  # A backend that upgrades, sends events, or waits, as it is asked to.
  def every_kind
    start_backend do |connection|
      request = connection.read_request or next
      case request.target
      when "/ws" then connection.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " \
                                       "websocket\r\n\r\n")
      when "/events"
        connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" \
                         "5\r\n:ok\n\n\r\n")
      end
      Queue.new.pop
    end
  end

  def ask_for_every_kind(proxy)
    ws = proxy.connect
    ws.send_request("GET", "/ws", { "Connection" => "Upgrade", "Upgrade" => "websocket" })
    expect(ws.read_head.status).to eq(101)
    events = proxy.connect
    events.send_request("GET", "/events")
    expect(events.read_head.status).to eq(200)
    [ws, events, proxy.connect.tap { |client| client.send_request("GET", "/") }]
  end

  it "says what is in flight and how long it gets, and in the end what did not finish" do
    backend = every_kind
    proxy = start_proxy_process("shutdown_timeout 2\ntunnel_grace 0.5\nproxy backends: [#{backend.address.inspect}]")
    clients = ask_for_every_kind(proxy)
    backend.await_requests(3)
    proxy.process.signal(:TERM)
    proxy.process
         .await_output(/^Stopping\. In flight: 1 request \(2 seconds\), 1 tunnel \(0\.5 seconds\), 1 event stream \(0\.5 seconds\)\. A second signal ends what is left at once\.$/)
    expect(proxy.process.wait.exitstatus).to eq(0)
    expect(proxy.process.output).to end_with("\nNot finished in time: 1 request. Ended by the stop: 1 tunnel, 1 " \
                                             "event stream.\n")
    expect(clients.map(&:read_to_end)).to eq(["\x88\x02\x03\xE9".b, "5\r\n:ok\n\n\r\n0\r\n\r\n", ""])
  end

  it "says what a second signal has ended" do
    backend = every_kind
    proxy = start_proxy_process("proxy backends: [#{backend.address.inspect}]")
    clients = ask_for_every_kind(proxy)
    backend.await_requests(3)
    proxy.process.signal(:TERM)
    proxy.process.await_output(/^Stopping\. In flight: 1 request \(30 seconds\), 1 tunnel \(5 seconds\)/)
    proxy.process.signal(:TERM)
    proxy.process.wait
    expect(proxy.process.output).to end_with("\nNot finished in time: 1 request. Ended by the stop: 1 tunnel, 1 " \
                                             "event stream.\n")
    expect(clients.length).to eq(3)
  end

  it "from Ruby ends tunnels and event streams after tunnel_grace, which is no failure" do
    proxy = start_proxy(to: every_kind, timeout: 60) do
      tunnel_grace 0.1
    end
    *clients, request = ask_for_every_kind(proxy)
    eventually { expect(proxy.stats[:requests]).to include(in_flight: 3, tunnels: 1, event_streams: 1) }
    request.close
    eventually { expect(proxy.stats[:requests]).to include(in_flight: 2) }
    expect(proxy.server.stop(timeout: 30)).to be(true)
    expect(proxy.stats[:cut]).to eq(requests: 0, tunnels: 1, event_streams: 1)
    expect(clients.map(&:read_to_end)).to eq(["\x88\x02\x03\xE9".b, "5\r\n:ok\n\n\r\n0\r\n\r\n"])
  end

  it "from Ruby returns true when everything finished in time" do
    answers = Queue.new
    backend = waiting_backend(answers)
    proxy = start_proxy(to: backend)
    client = proxy.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    stopping = in_background { proxy.server.stop(timeout: 5) }
    answers << true
    expect(client.read_response.body).to eq("finished")
    expect(stopping.value).to be(true)
    expect(proxy.server).to be_stopped
  end

  it "from Ruby returns false when something had to be cut, and cuts it" do
    backend = waiting_backend(Queue.new)
    proxy = start_proxy(to: backend)
    client = proxy.connect
    client.send_request("GET", "/")
    backend.await_requests(1)
    expect(proxy.server.stop(timeout: 0.2)).to be(false)
    expect(client).to be_closed
  end

  it "frees the port" do
    proxy = start_proxy { static_response body: "first" }
    url = proxy.url
    proxy.server.stop(timeout: 1)
    again = start_proxy(bind: url) { static_response body: "second" }
    expect(again.get.body).to eq("second")
  end

  it "ends the wait of another thread" do
    proxy = start_proxy { static_response body: "ok" }
    waiting = in_background { proxy.server.wait }
    proxy.server.stop(timeout: 1)
    expect(waiting.join(5)).to be(waiting)
  end
end
