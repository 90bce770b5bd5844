# frozen_string_literal: true

require "support/integration"

RSpec.describe "access_log with a block" do
  let(:lines) { Queue.new }

  # A proxy that answers everything itself and logs to `block`.
  def start_logged(format = "{path}", **options, &block)
    start_proxy(**options) do
      access_log(*format, &block)
      static_response body: "ok"
    end
  end

  def figures(proxy) = proxy.stats[:blocks].find { |block| block[:word] == "access_log" }

  # Everything that the block is called with, once the server has stopped.
  def all_lines
    Array.new(lines.length) { lines.pop }.flatten
  end

  it "gets every line once, in few calls" do
    proxy = start_logged { |batch| lines << batch }
    clients = Array.new(4) { |client| in_background { 50.times { |number| proxy.get("/#{client}/#{number}") } } }
    clients.each(&:value)
    proxy.server.stop(timeout: 5)

    expect(lines.length).to be < 200
    expect(all_lines).to match_array(4.times.flat_map { |client| Array.new(50) { |number| "/#{client}/#{number}" } })
  end

  it "gets lines while the server runs, in the usual format if none is written" do
    proxy = start_logged([]) { |batch| lines << batch }
    proxy.get("/a?b=1")
    batch = lines.pop

    expect(batch).to match([%r{\A127\.0\.0\.1 - - \[.*\] "GET /a\?b=1 HTTP/1\.1" 200 2 "-" "-"\z}])
    expect(batch.first.encoding).to eq(Encoding::UTF_8)
    expect(figures(proxy)).to include(answered: 1, failed: 0, full: 0)
  end

  it "takes json" do
    proxy = start_logged("json") { |batch| lines << batch }
    proxy.get("/a", "User-Agent" => "spec \"1\"\u00e9")

    expect(JSON.parse(lines.pop.first)).to include("path" => "/a", "status" => 200)
  end

  it "holds up no request if it never returns, and loses no more than what cannot wait" do
    gate = Queue.new
    proxy = start_logged { |batch| (lines << batch) && gate.pop }
    proxy.get("/stuck")
    lines.pop
    expect(Array.new(100) { proxy.get("/more").status }.uniq).to eq([200])
    expect(figures(proxy)).to include(running: 1, full: 0)
    gate.close
    proxy.server.stop(timeout: 5)

    expect(all_lines).to eq(["/more"] * 100)
  end

  it "does not hold up a stop for longer than its limit" do
    gate = Queue.new
    proxy = start_logged { gate.pop }
    proxy.get("/stuck")
    eventually { expect(figures(proxy)).to include(running: 1) }

    expect(proxy.server.stop(timeout: 0.2)).to be(true)
    gate.close
  end

  it "is called again after it has raised an exception" do
    proxy = start_logged { |batch| batch == ["/bad"] ? raise("no such table") : lines << batch }
    proxy.get("/bad")
    eventually { expect(figures(proxy)).to include(failed: 1) }
    proxy.get("/good")

    expect(lines.pop).to eq(["/good"])
  end

  it "gets the lines of its own configuration after a reload" do
    others = Queue.new
    proxy = start_logged { |batch| lines << batch }
    proxy.get("/old")
    proxy.server.reload do
      bind "http://127.0.0.1:0"
      access_log("{path}") { |batch| others << batch }
      static_response body: "ok"
    end
    proxy.get("/new")

    expect([lines.pop, others.pop]).to eq([["/old"], ["/new"]])
  end

  it "runs in the process of the server only" do
    proxy = start_logged { |batch| lines << batch }
    child = fork { exit!(lines.empty? ? 0 : 1) }
    proxy.get("/parent")

    expect(lines.pop).to eq(["/parent"])
    expect(Process.wait2(child).last.exitstatus).to eq(0)
  end

  describe "in a check" do
    # The problems of a configuration with that access log.
    def problems
      Proxy.check do
        yield self
        static_response body: "ok"
      end.map(&:to_s)
    end

    it "is never called" do
      expect(problems { |dsl| dsl.access_log("json") { raise "called" } }).to eq([])
      expect(problems { |dsl| dsl.access_log { raise "called" } }).to eq([])
    end

    it "may not have a file beside it, or be false" do
      expect(problems { |dsl| dsl.access_log("json", to: "a.log") { nil } })
        .to contain_exactly(/access_log: to: a block gets the lines already: leave it out, or write access_log "json", to: ".*a\.log" without a block\z/)
      expect(problems { |dsl| dsl.access_log(false) { nil } })
        .to contain_exactly(/access_log: false and a block contradict each other: leave one of them out\z/)
      expect(problems { |dsl| dsl.access_log("jsn") { nil } }).to contain_exactly(/access_log: .*jsn/)
      expect(problems { |dsl| dsl.log_level(:warn) { nil } }).to contain_exactly(/log_level: takes no block/)
    end
  end
end
