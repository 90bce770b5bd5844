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

  it "from Ruby returns true when everything finished in time" do
    answers = Queue.new
    backend = waiting_backend(answers)
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
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
    address = backend.address
    proxy = start_proxy { proxy backends: [address] }
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
