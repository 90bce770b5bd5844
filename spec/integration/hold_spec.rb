# frozen_string_literal: true

require "support/integration"
require "support/free_ports"

# Requests that wait while no backend can take them. The engine's own tests have most of it; these are real servers.
RSpec.describe "hold" do
  hold = { hold: true, queue: 100, queue_timeout: 30 }

  def queued(proxy) = proxy.stats[:requests][:queued]

  it "lets requests wait for a unix socket that does not exist yet, and again after it has gone" do
    path = "#{directory}/app.sock"
    proxy = start_proxy { proxy backends: ["unix:#{path}"], **hold }
    2.times do
      client = proxy.connect
      client.send_request("POST", "/", {}, "body")
      eventually { expect(queued(proxy)).to eq(1) }
      backend = start_backend(unix: path) { |connection| connection.answer("ok") while connection.read_request }
      expect(client.read_response.body).to eq("ok")
      backend.stop
      FileUtils.rm_f(path)
    end
  end

  it "loses no request when an application is killed and starts again" do
    port = FreePorts.one
    script = <<~RUBY
      require "socket"
      server = TCPServer.new("127.0.0.1", #{port})
      loop do
        Thread.new(server.accept) do |client|
          while client.gets
            nil until client.gets == "\\r\\n"
            client.write("HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
          end
        end
      end
    RUBY
    start = -> { ChildProcess.new(RbConfig.ruby, "-e", script) }
    app = start.call
    proxy = start_proxy { proxy backends: ["127.0.0.1:#{port}"], **hold }
    statuses = Queue.new
    running = true
    clients = Array.new(4) { Thread.new { statuses << proxy.get.status while running } }
    3.times do
      before = statuses.size
      eventually(limit: 20) { expect(statuses.size).to be > before + 10 }
      app.stop
      eventually(limit: 20) { expect(queued(proxy)).to eq(4) }
      app = start.call
    end
    running = false
    clients.each(&:join)
    expect(Array.new(statuses.size) { statuses.pop }.uniq).to eq([200])
  ensure
    app&.stop
  end

  it "lets requests wait for a list of backends that is still empty" do
    proxy = start_proxy { proxy backends: [], **hold }
    client = proxy.connect
    client.send_request("GET", "/")
    eventually { expect(queued(proxy)).to eq(1) }
    address = backend_answering("ok").address
    proxy.server.reload do
      bind "http://127.0.0.1:0"
      proxy backends: [address], **hold
    end
    expect(client.read_response.body).to eq("ok")
  end

  it "lets requests wait for backends that are set while the server runs" do
    proxy = start_proxy do
      upstream "app", backends: [], **hold
      proxy to: "http://app"
    end
    client = proxy.connect
    client.send_request("GET", "/")
    eventually { expect(queued(proxy)).to eq(1) }
    proxy.server.set_backends("app", [backend_answering("ok").address])
    expect(client.read_response.body).to eq("ok")
  end

  it "warns where no request could wait" do
    problems = Proxy.check { proxy backends: ["127.0.0.1:1"], hold: true }
    expect(problems.map(&:message)).to eq(["hold: requests wait in the queue, which has no place: add queue: 1024"])
  end
end
