# frozen_string_literal: true

require "proxy/rack"
require "support/integration"

RSpec.describe "requests that are given to an engine", :integration, time_limit: 40 do
  def start_server(backend)
    config = Proxy::Rack::Configuration.read({ path_prefix: "/api", backends: [backend.address] }, :auto, nil)
    @server = Proxy::Server.start(config.validate!)
  end

  after { @server&.stop(timeout: 0) }

  def head(path = "/api") = "GET #{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

  let(:client) { ["192.0.2.7", false, nil] }

  it "survive the garbage collector", :unwrapped do
    server = start_server(start_backend)
    ours, theirs = UNIXSocket.pair
    file = Tempfile.new.tap { |one| one.write("ok"); one.flush }
    with_file = "POST /api HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    taken = under_stress { [server.takes?(head, client), server.takes?(head("/"), client)] }
    expect(taken).to eq([true, false])

    under_stress { server.adopt(theirs.fileno, with_file, [file.fileno, 2], client) }
    theirs.close
    expect(ours.gets).to eq("HTTP/1.1 200 OK\r\n")
  ensure
    [ours, file].each(&:close)
  end

  # Collects garbage at every allocation of the block.
  def under_stress
    GC.stress = true
    yield
  ensure
    GC.stress = false
  end

  it "belong to a server that runs, and to open descriptors" do
    server = start_server(start_backend)
    expect { server.adopt(-1, head, nil, client) }.to raise_error(Proxy::Error)
    expect { server.adopt(1 << 20, head, nil, client) }.to raise_error(Proxy::Error)
    expect { server.adopt(0, head, [-1, 5], client) }.to raise_error(Proxy::Error)
    server.stop(timeout: 0)
    expect { server.adopt(0, head, nil, client) }.to raise_error(Proxy::Error, /stopped/)
    expect(server.takes?(head, client)).to be(false)
  end

  it "are answered by an engine of its own in each process, which any thread may start" do
    backend = start_backend
    middleware = Proxy::Rack::Middleware.new(->(_) { [200, {}, []] }, path_prefix: "/api", backends: [backend.address])
    ask = lambda do
      middleware.call("REQUEST_METHOD" => "GET", "PATH_INFO" => "/api", "HTTP_HOST" => "a").then do |status, _, body|
        [status, body.enum_for(:each).to_a.join].tap { body.close }
      end
    end
    expect(Array.new(8) { Thread.new(&ask) }.map(&:value)).to all(eq([200, "ok"]))

    reader, writer = IO.pipe
    child = fork do
      writer.write(ask.call.inspect, Proxy::Rack.stop)
      exit!(0)
    end
    writer.close
    expect(reader.read).to eq('[200, "ok"]true')
    Process.wait(child)
    expect(ask.call).to eq([200, "ok"])
    expect(Proxy::Rack.stop(timeout: 1)).to be(true)
    expect(ask.call).to eq([200, "ok"])
  ensure
    Proxy::Rack.stop(timeout: 0)
  end
end
