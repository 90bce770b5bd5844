# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe Proxy::Server, :binding do
  include Proxyfiles

  def start(&configuration) = @server = Proxy.start(&configuration)

  after { @server&.stop(timeout: 0) }

  it "tells its first URL and port" do
    path = "#{directory}/p.sock"
    start do
      bind "unix://#{path}"
      bind "http://127.0.0.1:0"
      static_response body: ""
    end
    expect([@server.url, @server.port]).to eq([@server.urls[0], @server.urls[1][/\d+\z/].to_i])
  end

  it "prints warnings as the command does, once each, and keeps them" do
    line = __LINE__ + 4
    expect do
      start do
        bind "http://127.0.0.1:0"
        proxy to: "nowhere"
      end
    end.to output(/\Awarning: #{Regexp.escape(__FILE__)}:#{line}: proxy: to: "nowhere" is not an absolute URL: [^\n]*\n\z/).to_stderr
    expect(@server.warnings.map { |warning| [warning.line, warning.severity] }).to eq([[line, :warning]])
    expect { @server.reload { bind("http://127.0.0.1:0") || static_response(body: "") } }.not_to output.to_stderr
    expect(@server.warnings).to eq([])
    expect { @server.reload { bind("http://127.0.0.1:0") || proxy(to: "nowhere") } }
      .to output(/\Awarning: [^\n]*\n\z/).to_stderr
  end

  it "stops at the end of a block" do
    running = nil
    said = Proxy.run(proc { static_response body: "" }, binds: ["http://127.0.0.1:0"]) do |server|
      running = server
      expect(server.stopped?).to be(false)
      "said"
    end
    expect([said, running.stopped?]).to eq(["said", true])
    expect {
      Proxy.run(proc { static_response body: "" },
                binds: ["http://127.0.0.1:0"]) { |server|
        (running = server) &&
          raise("out")
      }
    }.to raise_error("out")
    expect(running.stopped?).to be(true)
  end

  it "starts though nobody reads its warnings" do
    script = 'r, w = IO.pipe; r.close; $stderr = w; s = Proxy.start { bind "http://127.0.0.1:0"; proxy to: "nowhere" ' \
             '}; puts s.port.class; s.stop'
    out, status = Open3.capture2(RbConfig.ruby, "-I#{Proxyfiles::ROOT}/lib", "-rproxy", "-e", script)
    expect([out, status.exitstatus]).to eq(["Integer\n", 0])
  end

  # The names in a Hash, those of Hashes in it included.
  def names(value)
    case value
    when Hash then value.flat_map { |name, inner| [name, *names(inner)] }
    when Array then value.flat_map { |inner| names(inner) }.uniq
    else []
    end
  end

  it "has figures that the signature and the documentation name" do
    start do
      bind "http://127.0.0.1:0"
      authorize(key: { cookie: "session" }) { true }
      proxy backends: ["127.0.0.1:1"], health_check: { interval: 60 }
    end
    stats = names(@server.stats)
    # Before the first check, and the first answer, there is nothing to tell of it.
    figures = (stats + %i[healthy since error p50 p95 p99]).uniq
    # Loaded here, since it is large and only this example needs it.
    require "rbs"
    signature = File.read("#{Proxyfiles::ROOT}/sig/proxy/server.rbs")
    declared = signature.lines.take_while { |line| !line.include?("LONGEST") }.join.scan(/(\w+): /).flatten
                        .map(&:to_sym)
    expect(figures - declared).to eq([])
    expect(declared - figures).to eq([])
    documented = File.read("#{Proxyfiles::ROOT}/lib/proxy/server.rb")[/# What happened since the start;.*?def stats/m]
    expect(figures.map(&:to_s).reject { |name| documented.include?(name) || name.match?(/\Astatus_[234]xx\z/) })
      .to eq([])
  end
end
