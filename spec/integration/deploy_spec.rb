# frozen_string_literal: true

require "support/integration"
require "support/free_ports"

RSpec.describe "a deploy" do
  let(:old) { backend_answering("old") }

  def upstream_proxy(*backends, **options)
    start_proxy do
      upstream "app", backends: backends, **options
      proxy to: "http://app{path}{query}"
    end
  end

  it "lets a new application serve and tells of each step" do
    new = backend_answering("new")
    proxy = upstream_proxy(old.address)
    steps = []
    result = proxy.server.deploy("app", to: [new.address], health: "/health", rise: 3) { |step| steps << step }

    expect(result).to be(proxy.server)
    expect(steps.map { |step| step[:step] }).to eq(%w[begun checked checked ready switched done])
    expect(steps.last).to include(upstream: "app", status: 200, revision: Integer, elapsed: Float)
    expect(proxy.get.body).to eq("new")
    expect(proxy.stats[:backends].map { |it| it[:address] }).to eq([new.address])
  end

  it "leaves the old application where the new one is broken, and raises the reason of the last check" do
    broken = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    end
    proxy = upstream_proxy(old.address)
    expect { proxy.server.deploy("app", to: broken.address, timeout: 0.5) }
      .to raise_error(Proxy::DeployError, %r{\A#{broken.address} answered 500 to /up .*the backends are as they were})
    expect { proxy.server.deploy("app", to: "127.0.0.1:1", timeout: 0.3) }
      .to raise_error(Proxy::DeployError, /127\.0\.0\.1:1: connection refused/i)
    expect(proxy.stats[:backends].map { |it| it.values_at(:address, :state) }).to eq([[old.address, "ready"]])
    expect(proxy.get.body).to eq("old")
  end

  it "refuses mistakes and a second one at the same time" do
    proxy = upstream_proxy(old.address)
    waiting = in_background { proxy.server.deploy("app", to: "127.0.0.1:1", timeout: 20) }
    Timeout.timeout(5) { sleep 0.01 until proxy.stats[:backends].length == 2 }
    expect { proxy.server.deploy("app", to: "127.0.0.1:2") }.to raise_error(ArgumentError, /is under way/)
    waiting.kill.join
    Timeout.timeout(5) { sleep 0.01 until proxy.stats[:backends].length == 1 }
    { { to: [] } => /no new backend/, { to: "127.0.0.1:2", timeout: 0 } => /timeout: 0 is out of range/,
      { to: "127.0.0.1:2", health: "up" } => /health: "up" is not a valid path/ }
      .each do |options, message|
        expect { proxy.server.deploy("app", **options) }.to raise_error(ArgumentError, message)
      end
    expect { proxy.server.deploy("nobody", to: "127.0.0.1:2") }.to raise_error(ArgumentError, /not a valid upstream/)
  end

  describe "of Puma" do
    around { |example| Dir.mktmpdir { |folder| (@folder = folder) && example.run } }

    # The answer of its application, and whether it is ready.
    def puma(port, text, status: 200)
      file = File.join(@folder, "#{text}.ru")
      File.write(file, <<~RUBY)
        run ->(env) { [env["PATH_INFO"] == "/up" ? #{status} : 200, { "content-type" => "text/plain" }, ["#{text}"]] }
      RUBY
      Process.spawn("puma", "--bind", "tcp://127.0.0.1:#{port}", "--threads", "2:2", "--environment", "none", file,
                    %i[out err] => File::NULL, chdir: @folder)
    end

    def ended(pid)
      Process.kill("TERM", pid)
      Process.wait(pid)
    end

    it "loses no request while one Puma takes the place of another" do
      ports = FreePorts.take(3)
      pids = [puma(ports[0], "one")]
      proxy = upstream_proxy("127.0.0.1:#{ports[0]}", hold: true, queue: 100)
      expect(proxy.get.body).to eq("one")
      over = false
      clients = Array.new(3) { in_background { [].tap { |seen| seen << proxy.get.body until over } } }
      pids << puma(ports[1], "two")
      proxy.server.deploy("app", to: "127.0.0.1:#{ports[1]}")
      ended(pids.shift)
      pids << puma(ports[2], "three", status: 503)
      expect { proxy.server.deploy("app", to: "127.0.0.1:#{ports[2]}", timeout: 10, rise: 1) }
        .to raise_error(Proxy::DeployError, %r{answered 503 to /up})
      expect(proxy.get.body).to eq("two")
      over = true
      expect(clients.flat_map(&:value).uniq).to eq(%w[one two])
    ensure
      over = true
      pids&.each { |pid| ended(pid) }
    end
  end
end
