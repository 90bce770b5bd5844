# frozen_string_literal: true

require "open3"
require "support/integration"

# How blocks of a configuration run, whatever word they belong to.
RSpec.describe "blocks" do
  def threads = Thread.list.select { |thread| thread.name&.start_with?("proxy block ") }

  # A proxy whose block decides by Authorization.
  def start_asking(**options, &rule)
    start_proxy do
      location("/free") { static_response body: "free" }
      authorize(key: { header: "Authorization" }, negative_ttl: 0, **options, &rule)
      static_response body: "passed"
    end
  end

  def ask(proxy, name) = proxy.get("/", "Authorization" => name).status

  it "run on threads that Puma takes for safe, and that end with the server" do
    seen = nil
    proxy = start_asking { seen = [Thread.current.name, Thread.current.thread_variable_get(:fork_safe)] }
    expect(ask(proxy, "x")).to eq(200)
    expect(seen).to match([/\Aproxy block \d+\z/, true])
    proxy.stop
    eventually { expect(threads).to eq([]) }
  end

  it "cost no thread if there are none" do
    proxy = start_proxy { static_response body: "1" }
    expect(proxy.get.body).to eq("1")
    expect(threads).to eq([])
  end

  it "do not run in a check, nor when routes are shown" do
    File.write("#{directory}/Proxyfile", <<~RUBY)
      authorize(key: { header: "Authorization" }, ttl: 60) { abort "it runs" }
      on(:reload) { abort "it runs" }
      static_response body: "1"
    RUBY
    results = [["check"], ["routes"], ["routes", "GET", "http://a/"]].map do |command|
      output, status = Open3.capture2e(RbConfig.ruby, "-Ilib", "exe/proxy", *command, "-c", "#{directory}/Proxyfile")
      expect([status.exitstatus, output]).to match([0, output])
      output
    end
    expect(results.last).to include("authorize key: header Authorization, ttl: 60 do … end")
    expect(Proxy.check("#{directory}/Proxyfile")).to eq([])
  end

  it "run inside of what `Proxy::Blocks.around` is" do
    inside = []
    Proxy::Blocks.around = lambda { |&call|
      inside << :before
      call.call
      inside << :after
      :another_value
    }
    proxy = start_asking { inside << :block && nil }
    expect(ask(proxy, "x")).to eq(403)
    expect(inside).to eq(%i[before block after])
  ensure
    Proxy::Blocks.around = nil
  end

  it "cannot use words of the configuration, nor misspell methods silently" do
    proxy = start_proxy_process(<<~RUBY)
      def helper(request) = request.headers["Authorization"]
      authorize key: { header: "Authorization" } do |request|
        helper(request) == "word" ? host("a") : no_such_method
      end
      static_response body: "passed"
    RUBY
    expect(%w[word method].map { |name| ask(proxy, name) }).to eq([503, 503])
    log = proxy.process.await_output(/raised NameError: .*no_such_method.* \(Proxyfile:4\)/).pre_match
    expect(log).to include("Proxyfile:3: authorize: raised Proxy::Error: host is a word of the configuration, which " \
                           "was read before: a block that runs later cannot use it")
  end

  describe "that fail" do
    it "are logged with their line, and the next call runs" do
      proxy = start_proxy_process(<<~'RUBY')
        ways = { "raise" => -> { raise "first\nsecond" }, "deep" => -> { def again = again; again },
                 "script" => -> { require "no/such/file" }, "throw" => -> { throw :nobody },
                 "thread" => -> { Thread.exit }, "kill" => -> { Thread.current.kill },
                 "exception" => -> { raise Exception, "worst" }, "good" => -> { true } }
        authorize key: { header: "Authorization" } do |request|
          name = request.headers["Authorization"]
          return false if name == "return"

          ways.fetch(name).call
        end
        static_response body: "passed"
      RUBY
      statuses = %w[raise deep script throw return thread kill exception].to_h { |name| [name, ask(proxy, name)] }
      expect(statuses.values.uniq).to eq([503]), statuses.inspect
      expect(ask(proxy, "good")).to eq(200)
      log = proxy.process.await_output(/raised Exception: worst/).string
      ["raised RuntimeError: first (", "raised SystemStackError: ", "raised LoadError: ", "raised UncaughtThrowError: ",
       "`return` leaves no block: write next in its place", "its thread ended before it did"].each do |message|
        expect(log).to include("Proxyfile:6: authorize: #{message}")
      end
    end
  end

  describe "and the server's own calls" do
    it "may reload it" do
      server = nil
      proxy = start_asking(timeout: 20) do
        server.reload do
          bind "http://127.0.0.1:0"
          static_response body: "another"
        end
        true
      end
      server = proxy.server
      expect(ask(proxy, "x")).to eq(200)
      expect(proxy.get.body).to eq("another")
    end

    it "may stop it: what it answers then is not needed" do
      server = nil
      stopped = Queue.new
      proxy = start_asking(timeout: 0.05) { stopped << server.stop(timeout: 10) }
      server = proxy.server
      expect(ask(proxy, "x")).to eq(503)
      expect(stopped.pop).to be(true)
      expect(server).to be_stopped
    end

    it "may not keep it from stopping" do
      gate = Queue.new
      proxy = start_asking(timeout: 0.05) { gate.pop }
      expect(ask(proxy, "x")).to eq(503)
      expect(proxy.server.stop(timeout: 0.1)).to be(true)
      expect(threads.length).to eq(1), "the block goes on: it is not ended from outside"
      gate << true
      eventually { expect(threads).to eq([]) }
    end

    it "wait for a block that ends in time" do
      gate, ended = Queue.new, Queue.new
      proxy = start_asking(timeout: 0.05) do
        gate.pop
        ended << true
      end
      expect(ask(proxy, "x")).to eq(503)
      stopping = in_background { proxy.server.stop(timeout: 10) }
      eventually { expect(proxy.server).to be_stopped }
      expect(stopping).to be_alive
      gate << true
      expect([stopping.value, ended.empty?]).to eq([true, false])
    end
  end

  it "of requests in flight stay callable after a reload, and old ones are let go" do
    gate = Queue.new
    proxy = start_asking(timeout: 20) { gate.pop }
    waiting = Array.new(4) { |n| in_background { ask(proxy, n.to_s) } }
    eventually { expect(proxy.stats[:blocks].sum { |block| block[:running] + block[:waiting] }).to eq(4) }
    proxy.server.reload do
      bind "http://127.0.0.1:0"
      static_response body: "another"
    end
    4.times { gate << true }
    expect(waiting.map(&:value)).to eq([200] * 4)
  end

  it "do not pile up over reloads" do
    calls = 0
    proxy = start_asking { true }
    rule = ->(_) { (calls += 1).positive? }
    100.times do |n|
      proxy.server.reload do
        bind "http://127.0.0.1:0"
        authorize(key: { header: "Authorization" }, &rule)
        on(:reload) { calls += 1 }
        static_response body: "passed"
      end
      ask(proxy, "x") if (n % 10).zero?
    end
    expect(ask(proxy, "x")).to eq(200)
    sets = proxy.server.instance_variable_get(:@blocks).instance_variable_get(:@sets)
    eventually { expect(sets.length).to eq(1) }
    expect(threads.length).to be <= 5
    expect(proxy.stats[:blocks].length).to eq(2)
  end

  it "answer many clients at once, each with its own answer", time_limit: 60 do
    even = ->(request) { request.headers["Authorization"].to_i.even? }
    proxy = start_asking(threads: 4, queue: 1_000, timeout: 20, &even)
    clients = Array.new(8) do |client|
      in_background do
        connection = proxy.connect
        Array.new(200) { |n| connection.get("/", "Authorization" => ((client * 200) + n).to_s).status }
      end
    end
    expect(clients.map(&:value)).to eq([[200, 403] * 100] * 8)
  end

  it "survive a garbage collection at every allocation, from the argument to the answer", time_limit: 60 do
    proxy = start_proxy_process(<<~'RUBY')
      Proxy::Native::BlockCall.prepend(Module.new {
        def argument
          GC.stress = true
          super
        end

        def answer(value)
          super
        ensure
          GC.stress = false
        end
      })
      authorize key: { header: "Authorization" }, timeout: 30, copy_headers: ["X-User"] do |request|
        { "X-User" => ["#{request.headers["Authorization"]}\u{e9}", request.host, nil] }
      end
      static_response body: "passed"
    RUBY
    client = proxy.connect(limit: 50)
    expect(client.get("/", "Authorization" => "x").status).to eq(200)
  end

  describe "in a forked child" do
    it "do nothing and hang nobody" do
      gate = Queue.new
      proxy = start_asking(timeout: 20) { gate.pop }
      waiting = in_background { ask(proxy, "x") }
      eventually { expect(proxy.stats[:blocks].sum { |block| block[:running] }).to eq(1) }
      pid = fork do
        GC.start
        ok = proxy.server.stopped? && proxy.server.stop && threads.empty? && proxy.stats[:blocks] == []
        begin
          proxy.server.reload { authorize(key: { header: "A" }) { true } }
        rescue Proxy::Error
          exit!(ok ? 0 : 1)
        end
        exit!(2)
      end
      expect(Process.wait2(pid).last.exitstatus).to eq(0)
      gate << true
      expect(waiting.value).to eq(200)
    end

    it "leave a block that forks alone, and run in a server of the child's own" do
      proxy = start_asking(timeout: 20) do
        pid = fork do
          config = proc do
            bind "http://127.0.0.1:0"
            authorize(key: { header: "Authorization" }) { true }
            static_response body: "child"
          end
          exit!(Proxy.run(config) { |server| RawClient.request(server.url, "GET", "/").body == "child" } ? 0 : 1)
        end
        Process.wait2(pid).last.success?
      end
      expect(ask(proxy, "x")).to eq(200)
    end
  end
end
