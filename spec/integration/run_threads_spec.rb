# frozen_string_literal: true

require "support/integration"

RSpec.describe "the threads of a `run`" do
  def busy(proxy) = proxy.stats[:backends].sum { |backend| backend[:in_flight] }

  # Lets the application's requests go on one by one.
  def gate = @gate ||= Queue.new

  def waiting
    gate, entered = self.gate, self.entered
    lambda do |env|
      next [200, {}, ["quick"]] if env["PATH_INFO"] == "/quick"

      entered << Thread.current
      gate.pop
      [200, {}, ["waited"]]
    end
  end

  def entered = @entered ||= Queue.new

  def app_threads = Thread.list.select { |thread| thread.name&.start_with?("proxy app ") }

  it "are as many as it says, the next requests wait in turn, and more are refused" do
    app = waiting
    proxy = start_proxy { run app, threads: 2, queue: 1, queue_timeout: 10 }
    clients = Array.new(3) { in_background { proxy.get.body } }
    2.times { entered.pop }
    eventually { expect(proxy.stats[:requests][:queued]).to eq(1) }
    refused = proxy.get
    expect([refused.status, refused["Retry-After"], busy(proxy)]).to eq([503, "1", 2])
    3.times { gate << true }
    expect(clients.map(&:value)).to eq(["waited"] * 3)
    expect(app_threads.map(&:name)).to match_array(["proxy app 1", "proxy app 2"])
    expect(app_threads.map { |thread| thread.thread_variable_get(:fork_safe) }).to eq([true, true])
  end

  it "refuse a request that has waited for queue_timeout" do
    app = waiting
    proxy = start_proxy { run app, threads: 1, queue: 1, queue_timeout: 0.1 }
    first = in_background { proxy.get.body }
    entered.pop
    expect(proxy.get.then { |answer| [answer.status, answer["Retry-After"]] }).to eq([503, "1"])
    gate << true
    expect(first.value).to eq("waited")
  end

  it "stay busy with a request whose client has left or whose time is over" do
    app = waiting
    proxy = start_proxy { run app, threads: 2, timeout: 0.2, queue: 0 }
    gone = proxy.connect
    gone.send_request("GET", "/")
    entered.pop
    gone.reset
    expect(proxy.get.status).to eq(504)
    entered.pop
    expect([busy(proxy), proxy.get("/quick").status]).to eq([2, 503])
    2.times { gate << true }
    eventually { expect(busy(proxy)).to eq(0) }
    expect(proxy.get("/quick").body).to eq("quick")
  end

  it "are free while slow clients send their requests" do
    proxy = start_proxy { run ->(env) { [200, {}, [env["rack.input"].read]] }, threads: 1 }
    slow = Array.new(5) { proxy.connect }
    slow.each { |client| client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n#{"a" * 30_000}") }
    expect(proxy.request("POST", "/", {}, "quick").body).to eq("quick")
    slow.each { |client| client.write("b" * 30_000) }
    expect(slow.map { |client| client.read_response.body }).to eq(["a" * 30_000 + "b" * 30_000] * 5)
  end

  it "are free while a client waits to be told to go on" do
    proxy = start_proxy { run ->(env) { [200, {}, [env["rack.input"].read, env["HTTP_EXPECT"].to_s]] }, threads: 1 }
    client = proxy.connect
    client.write("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    expect(client.read_response.status).to eq(100)
    expect(proxy.post("/", "quick").body).to eq("quick")
    client.write("body")
    expect(client.read_response.body).to eq("body")
  end

  it "end a stream whose client has left, and close its body" do
    closed = Queue.new
    body = Enumerator.new { |pieces| loop { pieces << "x" * 10_000 } }
    body.define_singleton_method(:close) { closed << true }
    proxy = start_proxy { run ->(_) { [200, {}, body] }, threads: 1 }
    client = proxy.connect
    client.send_request("GET", "/")
    client.read(100_000)
    client.reset
    expect(closed.pop).to be(true)
    eventually { expect(busy(proxy)).to eq(0) }
  end

  it "answer 500 without the message, and log it in one line with the request's id" do
    proxy = start_proxy_process(<<~'RUBY')
      run ->(env) { raise env["PATH_INFO"] == "/exit" ? SystemExit : "se\ncret" }, threads: 1
    RUBY
    answers = %w[/ /exit /].map { |target| proxy.get(target, "X-Request-Id" => "id-7") }
    expect(answers.map { |answer| [answer.status, answer.body] }).to eq([[500, "Internal Server Error\n"]] * 3)
    line = /error request_id=id-7 Proxyfile:2: RuntimeError: se\\ncret \(Proxyfile:2:in [^,\n]*\)$/
    proxy.process.await_output(line)
    proxy.process.await_output(/error request_id=id-7 Proxyfile:2: SystemExit: /)
  end

  it "answer 500 to what is no response, and say what it is" do
    proxy = start_proxy_process(<<~'RUBY')
      silent = Class.new(StandardError) { def message = raise("no message") }
      wrong = { "nil" => -> {}, "text" => -> { "hello" }, "two" => -> { [200, {}] }, "headers" => -> { [200, nil, []] },
                "body" => -> { [200, {}, "hello"] }, "interim" => -> { [103, {}, []] }, "silent" => -> { raise silent } }
      run ->(env) { wrong.fetch(env["QUERY_STRING"]).call }, threads: 1
    RUBY
    { "nil" => /returned nil, not \[status, headers, body\]/, "text" => /returned a String, not \[/,
      "two" => /returned an Array of 2, not \[/, "headers" => /the headers are nil: /, "body" => /the body is a String: /,
      "interim" => /103 is not the status of a response/,
      "silent" => /without a message, since that raised RuntimeError/ }.each do |kind, line|
      expect([kind, proxy.get("/?#{kind}").status]).to eq([kind, 500])
      proxy.process.await_output(line)
    end
  end

  it "cut a response that the application has not finished" do
    body = Enumerator.new { |pieces| (pieces << "begun") && raise("in the middle") }
    proxy = start_proxy { run ->(_) { [200, {}, body] } }
    expect { proxy.get }.to raise_error(Wire::CutShort)
  end

  it "are made anew when one is ended" do
    app = waiting
    proxy = start_proxy { run app, threads: 1 }
    client = in_background { proxy.get.status }
    entered.pop.kill
    expect(client.value).to eq(502)
    expect(proxy.get("/quick").body).to eq("quick")
  end

  it "let a stop wait for them, and go on alone when its time is over" do
    app = waiting
    proxy = start_proxy { run app, threads: 1 }
    client = in_background { proxy.get.body }
    entered.pop
    stop = in_background { proxy.server.stop(timeout: 10) }
    gate << true
    expect([client.value, stop.value, app_threads]).to eq(["waited", true, []])
  end

  it "are left to themselves when the time of a stop is over" do
    app = waiting
    proxy = start_proxy { run app, threads: 1 }
    in_background { proxy.get }
    thread = entered.pop
    expect([proxy.server.stop(timeout: 0.1), thread.alive?]).to eq([false, true])
    gate << true
    expect(thread.join(10)).to be(thread)
  end

  it "never keep the command from its end" do
    proxy = start_proxy_process(<<~RUBY)
      shutdown_timeout 0.2
      run ->(_) { warn("entered"); begin; sleep; ensure; sleep; end }
    RUBY
    client = proxy.connect
    client.send_request("GET", "/")
    proxy.process.await_output(/entered/)
    proxy.process.signal(:TERM)
    expect(proxy.process.wait.exitstatus).to eq(0)
  end

  it "finish their requests with the application of before when a reload brings another" do
    app = waiting
    proxy = start_proxy { run app, threads: 1 }
    client = in_background { proxy.get.body }
    before = entered.pop
    proxy.server.reload do
      bind "http://127.0.0.1:0"
      run ->(_) { [200, {}, ["new"]] }, threads: 1
    end
    expect(proxy.get.body).to eq("new")
    gate << true
    expect([client.value, before.join(10)]).to eq(["waited", before])
    expect(app_threads.length).to eq(1)
  end

  it "stay as they are when a reload fails" do
    proxy = start_proxy { run ->(_) { [200, {}, ["old"]] }, threads: 1 }
    taken = TCPServer.new("127.0.0.1", 0)
    expect {
      proxy.server.reload do
        bind "http://127.0.0.1:0"
        bind "http://127.0.0.1:#{taken.addr[1]}"
        run ->(_) { [200, {}, ["new"]] }
      end
    }.to raise_error(Proxy::BindError)
    eventually { expect([proxy.get.body, app_threads.length]).to eq(["old", 1]) }
  ensure
    taken&.close
  end

  it "are not there in a forked child, which answers nothing and holds no response up" do
    app = waiting
    proxy = start_proxy { run app, threads: 2 }
    client = in_background { proxy.get.body }
    entered.pop
    child = fork { sleep }
    gate << true
    expect([client.value, proxy.get("/quick").body]).to eq(%w[waited quick])
    forking = start_proxy { run ->(_) { fork || exit!(0).to_s; [200, {}, ["parent"]] }, threads: 1 }
    expect(forking.get.body).to eq("parent")
    leaving = start_proxy do
      run lambda { |_|
        pid = fork
        raise SystemExit unless pid

        Process.wait(pid)
        [200, {}, ["parent"]]
      }, threads: 1
    end
    expect(leaving.get.body).to eq("parent")
  ensure
    Process.kill(:KILL, child) && Process.wait(child) if child
  end

  it "serve in a forked child that starts the same configuration" do
    config = Proxy::Config.load do
      bind "http://127.0.0.1:0"
      run ->(_) { [200, {}, [Process.pid.to_s]] }
    end
    parent = Proxy::Server.start(config)
    reader, writer = IO.pipe
    child = fork do
      server = Proxy::Server.start(config)
      writer.puts RawClient.request(server.url, "GET", "/").body
      exit!(0)
    end
    writer.close
    expect(reader.gets.to_i).to eq(child)
    expect(RawClient.request(parent.url, "GET", "/").body.to_i).to eq(Process.pid)
  ensure
    Process.wait(child) if child
    parent&.stop
  end

  it "hand their requests over while the garbage collector runs at every allocation", time_limit: 60 do
    proxy = start_proxy do
      run ->(env) { env["PATH_INFO"] == "/raise" ? raise("no") : [200, {}, [env["rack.input"].read]] }, threads: 2
    end
    stress = true
    Proxy::Native::Inbox.prepend(Module.new do
      %i[done leave failed].each do |name|
        define_method(name) do |*arguments|
          GC.stress = stress
          super(*arguments)
        ensure
          GC.stress = false
        end
      end
    end)
    expect(Array.new(3) { |n| proxy.post("/", "body #{n}").body }).to eq(Array.new(3) { |n| "body #{n}" })
    expect(proxy.get("/raise").status).to eq(500)
  ensure
    stress = false
  end
end
