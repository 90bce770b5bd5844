# frozen_string_literal: true

require "support/integration"

# Run once more with PROXY_GC_STRESS=1: the garbage collector then works at every allocation between `stress` and its
# end, so that a Ruby value which Rust holds unprotected does not survive.
RSpec.describe "the binding", :binding, time_limit: 120 do
  def stress
    GC.stress = ENV.key?("PROXY_GC_STRESS")
    yield
  ensure
    GC.stress = false
  end

  def every_option(address, file)
    Proxy::Config.load do
      bind "http://127.0.0.1:0"
      threads 1
      access_log "{method} {status}", to: file
      location "/static" do
        static_response code: 201, headers: [["X-A", "1"], ["X-A", "2"]], body: "static"
      end
      proxy backends: [address], headers: { "X-B" => ["a", { rewrite: "{path}" }], "X-C" => nil },
            response_headers: { "X-D" => "d" },
            error_response: { status: 503, json: { inline: { a: [1] } }, headers: { "X-E" => "e" } },
            forwarded_headers: :rfc7239
    end
  end

  it "takes a configuration, serves with it, and tells what happened" do
    config = every_option(start_backend.address, File.join(directory, "log"))
    server = stress { Proxy::Server.start(config) }
    expect(stress { server.urls.first }).to match(%r{\Ahttp://127})
    expect(RawClient.request(server.urls.first, "GET", "/static").all("X-A")).to eq(%w[1 2])
    eventually { expect(stress { server.stats[:requests][:total] }).to eq(1) }
    expect(stress { server.stop(timeout: 1) }).to be(true)
    expect(stress { server.stopped? }).to be(true)
  end

  it "takes another list of backends, and says what is wrong with one" do
    proxy = start_proxy(to: backend_answering("first"))
    other, name = backend_answering("other").address, proxy.stats[:backends].first[:upstream]
    stress { proxy.server.set_backends(name, ["127.0.0.1:1", { address: other, weight: 2 }]) }
    expect { stress { proxy.server.set_backends("nobody", [other]) } }.to raise_error(ArgumentError, /nobody/)
    expect { stress { proxy.server.set_backends(name, [{ address: other, weight: 0 }]) } }
      .to raise_error(ArgumentError, /weight/)

    expect(proxy.stats[:backends].map { |backend| backend[:weight] }).to eq([1, 2])
  end

  it "reports mistakes with their lines" do
    config = Proxy::Config.load { proxy backends: ["127.0.0.1:http", "[::1"] }
    place = [File.basename(__FILE__), __LINE__ - 1]
    reports = stress { Proxy::Native.check(config.to_h) }
    expect(reports.size).to eq(2)
    expect(config.problems.map { |problem| [File.basename(problem.file), problem.line] }).to all(eq(place))
  end

  it "reports an address that is taken" do
    taken = TCPServer.new("127.0.0.1", 0)
    config = Proxy::Config.load do
      bind "http://127.0.0.1:#{taken.local_address.ip_port}"
      static_response body: "ok"
    end
    expect { stress { Proxy::Server.start(config) } }.to raise_error(Proxy::BindError)
  ensure
    taken&.close
  end

  it "lets a server that nobody holds be collected without waiting for it" do
    10.times do
      config = Proxy::Config.load do
        bind "http://127.0.0.1:0"
        static_response body: "ok"
      end
      server = Proxy::Server.start(config)
      server.stop(timeout: 0)
    end
    expect(seconds { GC.start }).to be < 2
  end

  it "lets other Ruby threads run while one waits, stops or starts" do
    proxy = start_proxy { static_response body: "ok" }
    waiting = in_background { proxy.server.wait }
    expect(proxy.get.body).to eq("ok")
    expect(waiting).to be_alive
    proxy.server.stop(timeout: 1)
    expect(waiting.join(5)).to be(waiting)
  end

  it "can be interrupted while it waits" do
    proxy = start_proxy { static_response body: "ok" }
    expect { Timeout.timeout(0.2) { proxy.server.wait } }.to raise_error(Timeout::Error)
    killed = in_background { proxy.server.wait }
    killed.kill
    expect(killed.join(5)).to be(killed)
    expect(proxy.get.body).to eq("ok")
  end
end
