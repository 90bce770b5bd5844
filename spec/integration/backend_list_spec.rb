# frozen_string_literal: true

require "support/integration"

RSpec.describe "the list of backends" do
  let(:first) { backend_answering("first") }
  let(:second) { backend_answering("second") }

  def bodies(proxy, count = 6) = Array.new(count) { proxy.get.body }.uniq.sort

  def addresses(proxy) = proxy.stats[:backends].map { |backend| backend[:address] }

  describe "set by the server" do
    it "takes effect at once, and a backend that stays keeps its figures" do
      one, two = first.address, second.address
      proxy = start_proxy do
        upstream "app", backends: [one]
        proxy to: "http://app{path}{query}"
      end
      expect(bodies(proxy)).to eq(["first"])

      proxy.server.set_backends(:app, [one, { address: two, weight: 2 }])
      expect(addresses(proxy)).to eq([one, two])
      expect(proxy.stats[:backends].map { |backend| backend[:requests] }).to eq([6, 0])
      expect(bodies(proxy)).to eq(%w[first second])

      proxy.server.set_backends("app", [two])
      expect(bodies(proxy)).to eq(["second"])
    end

    it "loses no request, however often it changes" do
      stays = first.address
      proxy = start_proxy(to: [stays])
      others = Array.new(3) { |number| backend_answering("other #{number}").address }
      name = proxy.stats[:backends].first[:upstream]
      clients = Array.new(4) { in_background { Array.new(150) { proxy.get.status } } }
      changes = 0
      while clients.any?(&:alive?)
        proxy.server.set_backends(name, [stays, *others.sample(changes % 4)].shuffle)
        changes += 1
      end

      expect(clients.flat_map(&:value).tally).to eq(200 => 600)
      expect(changes).to be > 10
    end

    it "lets a request in flight finish at a backend that goes" do
      asked, gate = Queue.new, Queue.new
      slow = start_backend do |connection|
        connection.read_request
        asked << true
        gate.pop
        connection.answer("late")
      end
      proxy = start_proxy(to: slow)
      request = in_background { proxy.get.body }
      asked.pop
      proxy.server.set_backends(proxy.stats[:backends].first[:upstream], [second.address])
      expect(proxy.get.body).to eq("second")
      gate << true

      expect(request.value).to eq("late")
    end

    it "leaves a WebSocket open at a backend that goes" do
      echo = start_backend do |connection|
        connection.read_request
        connection.write "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        connection.write connection.read(5)
      end
      proxy = start_proxy(to: echo)
      client = proxy.connect
      client.send_request("GET", "/", "Connection" => "Upgrade", "Upgrade" => "websocket", "Sec-WebSocket-Key" => "k")
      expect(client.read_response.status).to eq(101)
      proxy.server.set_backends(proxy.stats[:backends].first[:upstream], [second.address])
      expect(proxy.get.body).to eq("second")
      client.write "still"

      expect(client.read(5)).to eq("still")
    end

    it "is seen at once by requests in the queue" do
      asked, gate = Queue.new, Queue.new
      slow = start_backend do |connection|
        connection.read_request
        asked << true
        gate.pop
        connection.answer("late")
      end
      proxy = start_proxy(to: slow, max_connections: 1, queue: 5, queue_timeout: 60)
      busy = in_background { proxy.get.body }
      asked.pop
      waiting = in_background { proxy.get.body }
      eventually { expect(proxy.stats[:requests][:queued]).to eq(1) }
      proxy.server.set_backends(proxy.stats[:backends].first[:upstream], [second.address])
      expect(waiting.value).to eq("second")
      gate << true

      expect(busy.value).to eq("late")
    end

    it "may be empty for a while" do
      proxy = start_proxy(to: first)
      name = proxy.stats[:backends].first[:upstream]
      proxy.server.set_backends(name, [])
      expect([proxy.get.status, proxy.stats[:backends]]).to eq([502, []])

      proxy.server.set_backends(name, [first.address])
      expect(proxy.get.body).to eq("first")
    end

    it "stays as it is if anything is wrong" do
      proxy = start_proxy(to: first)
      server, name = proxy.server, proxy.stats[:backends].first[:upstream]

      expect { server.set_backends("nobody", []) }
        .to raise_error(ArgumentError, "\"nobody\" is not a valid upstream: write one of #{name}")
      expect { server.set_backends(name, [3000, "http://a b", { adress: "127.0.0.1:1" }]) }
        .to raise_error(ArgumentError, /3000 is an Integer: write "127\.0\.0\.1:3000"; .*adress/)
      expect { server.set_backends(name, ["127.0.0.1:99999"]) }.to raise_error(ArgumentError, /99999/)
      expect { server.set_backends(name, [{ address: "127.0.0.1:1", weight: 0 }]) }
        .to raise_error(ArgumentError, /weight/)
      expect { server.set_backends("\xff", []) }.to raise_error(ArgumentError, /is not a valid upstream/)
      expect { server.down("\xff") }.to raise_error(ArgumentError, /is not a valid backend/)
      expect { server.set_backends(name, ["\xff"]) }.to raise_error(ArgumentError, /"\\xFF" is not valid UTF-8/)
      expect { server.set_backends(name, nil) }.to raise_error(ArgumentError, /write addresses/)
      [[:app], [second.address, { address: :app }]].each do |list|
        expect { server.set_backends(name, list) }.to raise_error(
          ArgumentError, ":app cannot be listed while the server runs: write its address"
        )
      end
      expect(proxy.get.body).to eq("first")
    end

    it "is not for a backend that a request names" do
      to = "http://127.0.0.1:{p}/"
      proxy = start_proxy { location("/to/:p") { proxy to: to } }
      expect(proxy.get("/to/#{first.port}").body).to eq("first")
      name = proxy.stats[:backends].first[:upstream]

      expect { proxy.server.set_backends(name, [second.address]) }.to raise_error(ArgumentError, /#{name}.* is not/)
      expect(proxy.get("/to/#{first.port}").body).to eq("first")
    end

    it "may be written in any encoding" do
      proxy = start_proxy(to: first)
      name = proxy.stats[:backends].first[:upstream]
      proxy.server.set_backends(name.encode("UTF-16LE"), [second.address.encode("UTF-16LE")])
      expect(proxy.get.body).to eq("second")
    end

    it "is the one of the file again after a reload" do
      proxy = start_proxy(to: first)
      proxy.server.set_backends(proxy.stats[:backends].first[:upstream], [second.address])
      expect(proxy.get.body).to eq("second")
      proxy.server.reload

      expect(proxy.get.body).to eq("first")
    end

    it "is empty for a server that has stopped" do
      proxy = start_proxy(to: first)
      proxy.stop
      expect(proxy.server.set_backends("anything", [])).to be(proxy.server)
    end
  end

  describe "made by a block" do
    it "replaces the one before after each interval" do
      lists = Queue.new
      lists << [first.address]
      current = []
      proxy = start_proxy do
        upstream "app", backends: -> { lists.empty? ? current : (current = lists.pop) }, interval: 0.05
        proxy to: "http://app{path}{query}"
      end
      expect(proxy.get.body).to eq("first")

      lists << [second.address]
      eventually { expect(proxy.get.body).to eq("second") }
    end

    it "is waited for by the first requests, but not by the start" do
      gate = Queue.new
      address = first.address
      proxy = start_proxy { proxy backends: -> { gate.pop && [address] } }
      request = in_background { proxy.get.body }
      expect(proxy.stats[:backends]).to eq([])
      gate << true

      expect(request.value).to eq("first")
      expect(proxy.stats[:backends].first[:upstream]).to match(/\A\w+\.rb:\d+\z/)
    end

    it "stays when the block raises or returns nonsense, of which the log has one line" do
      answers = [-> { [first.address] }, -> { raise "no list" }, -> { "nonsense" }, -> { [{ address: :app }] }]
      index = 0
      calls = Queue.new
      log = expect_log do
        proxy = start_proxy do
          proxy backends: -> { (calls << true) && answers[index].call }, interval: 0.02
        end
        expect(proxy.get.body).to eq("first")
        [1, 2, 3].each do |number|
          calls.clear
          index = number
          3.times { calls.pop }
          expect(proxy.get.body).to eq("first")
        end
        proxy.stop
      end

      expect(log.scan("raised RuntimeError: no list").length).to eq(1)
      expect(log).to match(/\.rb:\d+: backends: answered with a wrong list: "nonsense" is a String/)
      expect(log.scan("answered with a wrong list: :app cannot be listed while the server runs").length).to eq(1)
    end

    it "serves on after a reload until the new block has answered" do
      gate = Queue.new
      address = first.address
      reloads = 0
      proxy = start_proxy do
        block = reloads.zero? ? -> { [address] } : -> { gate.pop }
        reloads += 1
        upstream "app", backends: block
        proxy to: "http://app{path}{query}"
      end
      expect(proxy.get.body).to eq("first")
      proxy.server.reload
      expect(proxy.get.body).to eq("first")
      gate << [second.address]

      eventually { expect(proxy.get.body).to eq("second") }
    end

    it "is spoken to as a reload says, before the new block has answered and after it" do
      secure = start_backend(tls: certs.server_context(certs.self_signed("127.0.0.1")))
      gate = Queue.new
      verified = false
      proxy = start_proxy do
        list = -> { ["https://127.0.0.1:#{secure.port}"] }
        upstream "app", backends: verified ? -> { gate.pop && list.call } : list, verify_ssl: verified, interval: 0.02
        verified = true
        proxy to: "http://app{path}{query}"
      end
      expect(proxy.get.status).to eq(200)
      proxy.server.reload
      expect(proxy.get.status).to eq(502)
      gate << true
      eventually { expect(gate.num_waiting).to eq(1) }

      expect(proxy.get.status).to eq(502)
      gate << nil
    end

    it "is never asked for by a check" do
      problems = Proxy.check { proxy backends: -> { raise "called" }, interval: 5 }
      expect(problems).to eq([])
      expect(Proxy.check { proxy backends: ["127.0.0.1:1"], interval: 5 }.map(&:to_s))
        .to contain_exactly(/interval: only a block is called again/)
      expect(Proxy.check { proxy backends: ->(one) { one } }.map(&:to_s))
        .to contain_exactly(/backends: this block wants an argument: write -> \{ … \}/)
    end

    it "leaves a forked child alone" do
      address = first.address
      proxy = start_proxy { proxy backends: -> { [address] }, interval: 0.02 }
      expect(proxy.get.body).to eq("first")
      child = fork { exit!(proxy.server.set_backends("x", []).equal?(proxy.server) ? 0 : 1) }

      expect(Process.wait2(child).last.exitstatus).to eq(0)
      expect(proxy.get.body).to eq("first")
    end
  end

  # What the block makes the server log.
  def expect_log
    reader, writer = IO.pipe
    before = $stderr.dup
    $stderr.reopen(writer)
    yield
    $stderr.reopen(before)
    writer.close
    reader.read
  ensure
    $stderr.reopen(before)
  end
end
