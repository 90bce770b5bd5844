# frozen_string_literal: true

require "support/integration"
require "support/puma_with_plugin"
require "support/raw_client"

# Restarts, crashes and the end of a Puma with the plugin, while clients send requests.
RSpec.describe "plugin :proxy", time_limit: 40 do
  cluster = <<~RUBY
    bind "tcp://127.0.0.1:0"
    workers 2
    threads 2, 2
    preload_app! false
    response_headers additions: { "X-Backend" => "{backend}" }
  RUBY
  single = <<~RUBY
    bind "tcp://127.0.0.1:0"
    threads 2, 2
  RUBY

  let(:cluster) { cluster }
  let(:single) { single }

  def start_cluster(config = cluster)
    puma = started(PumaWithPlugin.new(config, directory)).await.await_workers(2)
    await_backends(puma, 0, 1)
    puma
  end

  # Waits until the front sends requests to these workers, and to no others.
  def await_backends(puma, *workers)
    eventually(limit: 10) do
      names = Array.new(workers.length * 3) { puma.get["x-backend"][/\w+-?\d*(?=\.sock)/] }.uniq
      expect(names).to match_array(workers.map { |index| "worker-#{index}" })
    end
  end

  def start_single(config = single) = started(PumaWithPlugin.new(config, directory)).await

  # Sends requests during the block and expects an answer to each.
  def under_load(puma)
    load = LightLoad.during(puma.port) do |running|
      running.more(20)
      yield running
      running.more(20)
    end
    expect(load.failures).to eq([]), "#{load.failures.tally} of #{load.total}\n#{puma.process.output}"
  end

  # Expects that neither a process nor the port nor the folder is left.
  def expect_nothing_left(puma, processes = puma.processes.keys)
    eventually(limit: 10) { expect(processes.select { |pid| alive?(pid) }).to eq([]) }
    expect { TCPSocket.new("127.0.0.1", puma.port) }.to raise_error(Errno::ECONNREFUSED)
  end

  def alive?(pid)
    Process.kill(0, pid)
    !File.read("/proc/#{pid}/stat").match?(/\) Z /)
  rescue SystemCallError
    false
  end

  describe "in cluster mode" do
    it "loses no request in a phased restart (SIGUSR1)" do
      puma = start_cluster
      under_load(puma) do
        puma.signal(:USR1)
        puma.await_workers(4)
        await_backends(puma, 0, 1)
      end
      # What was planned is no news.
      expect(puma.process.output).not_to match(/\.sock is|upstream puma/)
    end

    it "loses no request in a hot restart (SIGUSR2)" do
      puma = start_cluster
      before = puma.role("front")
      under_load(puma) do
        puma.signal(:USR2)
        puma.await_workers(4)
      end
      eventually(limit: 10) { expect(alive?(before)).to be(false) }
      expect(puma.role("front")).to be_a(Integer)
      expect(Dir[File.join(directory, "tmp/sockets/*/keeper-*")].length).to eq(1)
    end

    it "reads the configuration again in a hot restart, also with fewer workers or without the plugin" do
      puma = start_cluster
      fixed = cluster.sub("workers 2", "workers 1")
      under_load(puma) do
        location = %(location("/fixed") { static_response body: "fixed" }\n)
        puma.write("config/puma.rb", "plugin :proxy\n#{fixed}#{location}")
        puma.signal(:USR2)
        puma.await_workers(3)
        eventually(limit: 10) { expect(puma.get("/fixed").body).to eq("fixed") }
      end
      puma.write("config/puma.rb", fixed.sub(/^response_headers.*\n/, ""))
      puma.signal(:USR2)
      puma.await_workers(4)
      eventually(limit: 10) { expect(puma.processes.values.grep(/^proxy/)).to eq([]) }
      expect(puma.get("/fixed").body).to match(/\A\d+\z/)
    end

    it "loses no request in a restart with a preloaded application" do
      puma = start_cluster(cluster.sub("false", ""))
      under_load(puma) do
        puma.signal(:USR1)
        puma.await_workers(4)
      end
    end

    it "loses no request when workers are added and removed (SIGTTIN, SIGTTOU)" do
      puma = start_cluster
      under_load(puma) do |load|
        puma.signal(:TTIN)
        await_backends(puma, 0, 1, 2)
        load.more(20)
        puma.signal(:TTOU)
        await_backends(puma, 0, 1)
      end
    end

    it "sends requests to an added worker also after the front was killed" do
      puma = start_cluster
      puma.signal(:TTIN)
      await_backends(puma, 0, 1, 2)
      Process.kill(:KILL, puma.role("front"))
      puma.process.await_output(/front of the proxy has died/)
      await_backends(puma, 0, 1, 2)
    end

    it "sends requests to the worker that replaces a killed one, whatever children that has left" do
      puma = start_cluster
      child, worker = puma.get("/fork").body.split.map(&:to_i)
      Process.kill(:KILL, worker)
      puma.await_workers(3)
      await_backends(puma, 0, 1)
      # The connections of the keeper: to Puma, to the front, and to workers.
      connections = -> { Dir["/proc/#{puma.role("keeper")}/fd/*"].length }
      before = connections.call
      Process.kill(:KILL, child)
      eventually { expect(connections.call).to be < before }
      3.times { await_backends(puma, 0, 1) }
    end

    it "loses no request but those that a killed worker has in its threads" do
      puma = start_cluster
      worker = puma.processes.key(puma.processes.values.grep(/cluster worker 0/).first)
      load = LightLoad.during(puma.port) do |running|
        running.more(20)
        Process.kill(:KILL, worker)
        puma.await_workers(3)
        running.more(20)
      end
      # A GET is sent again, a POST may have been carried out.
      expect(load.failures.grep_v(/\APOST.* 502/)).to eq([])
      expect(load.failures.length).to be <= 2
    end

    it "refuses no client when the front is killed" do
      puma = start_cluster
      LightLoad.during(puma.port) do |load|
        load.more(20)
        Process.kill(:KILL, puma.role("front"))
        puma.process.await_output(/front of the proxy has died/)
        load.more(20)
        expect(load.failures.grep(/REFUSED/)).to eq([])
        # Requests that the front worked on are lost with it.
        expect(load.failures.length).to be <= 4
      end
    end

    it "starts the keeper anew" do
      puma = start_cluster
      Process.kill(:KILL, puma.role("keeper"))
      puma.process.await_output(/keeper of the proxy has died/)
      eventually(limit: 5) { expect(puma.role("front")).to be_a(Integer) }
      expect(puma.get.code).to eq("200")
      puma.signal(:TERM)
      puma.process.wait
      expect_nothing_left(puma)
    end

    it "gives each of two slow requests a worker of its own" do
      puma = start_cluster
      workers = Array.new(2) { in_background { puma.get("/slow").body } }.map(&:value)
      expect(workers.uniq.length).to eq(2)
    end

    it "works with fork_worker" do
      puma = start_cluster("#{cluster}fork_worker\n")
      under_load(puma) do
        puma.signal(:URG)
        puma.await_workers(3)
      end
    end

    it "lets a download end that began before a phased restart" do
      puma = start_cluster
      drip = in_background { puma.get("/drip").body }
      puma.process.await_output(/drip has begun/)
      under_load(puma) { puma.signal(:USR1) && puma.await_workers(4) }
      expect(drip.value).to eq("drop " * 20)
    end
  end

  describe "in single mode" do
    it "loses no request in a hot restart (SIGUSR2)" do
      puma = start_single
      under_load(puma) do
        puma.signal(:USR2)
        puma.process.await_output(/Restarting.*Use Ctrl-C/m)
      end
    end

    it "lets a download end that began before a hot restart" do
      puma = start_single
      drip = in_background { puma.get("/drip").body }
      puma.process.await_output(/drip has begun/)
      puma.signal(:USR2)
      puma.process.await_output(/Restarting.*Use Ctrl-C/m)
      expect(drip.value).to eq("drop " * 20)
    end

    it "holds requests while the application is loaded" do
      puma = started(PumaWithPlugin.new(single, directory, application: "sleep 1\n#{PumaWithPlugin::APPLICATION}"))
      url = puma.process.await_output(/Proxy listening on (\S+)/)[1]
      expect(Net::HTTP.get_response(URI(url)).code).to eq("200")
    end

    it "passes a WebSocket on without taking a thread" do
      puma = start_single(single.sub("2, 2", "1, 1"))
      Socket.tcp("127.0.0.1", puma.port) do |socket|
        socket.write "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
        expect(socket.gets("\r\n\r\n")).to start_with("HTTP/1.1 101")
        expect(puma.get.code).to eq("200")
        socket.write "hello\n"
        expect(socket.gets).to eq("hello\n")
      end
    end
  end

  [["cluster", cluster], ["single", single]].each do |mode, config|
    describe "at the end of #{mode} mode" do
      def start(mode, config) = mode == "cluster" ? start_cluster(config) : start_single(config)

      %i[TERM INT].each do |signal|
        it "finishes requests on SIG#{signal}, and leaves nothing" do
          puma = start(mode, config)
          processes = puma.processes.keys
          slow = in_background { puma.get("/slow").code }
          puma.process.await_output(/slow has begun/)
          puma.signal(signal)
          expect(slow.value).to eq("200")
          puma.process.wait
          expect_nothing_left(puma, processes)
          expect(Dir[File.join(directory, "tmp/sockets/*")]).to eq([])
        end
      end

      it "ends at once on a second SIGINT" do
        puma = start(mode, config)
        processes = puma.processes.keys
        in_background { puma.get("/drip") }
        puma.process.await_output(/drip has begun/)
        2.times { puma.signal(:INT) && sleep(0.05) }
        puma.process.wait
        expect_nothing_left(puma, processes)
      end

      it "ends when Puma is killed" do
        puma = start(mode, config)
        processes = puma.processes.keys
        puma.signal(:KILL)
        puma.process.wait
        expect_nothing_left(puma, processes)
      end

      it "ends with `pumactl stop`" do
        puma = start(mode, "#{config}activate_control_app \"unix://#{directory}/ctl.sock\", no_token: true\n")
        processes = puma.processes.keys
        Open3.capture2e(PumaWithPlugin.environment, RbConfig.ruby, *PumaWithPlugin.pumactl, "-C",
                        "unix://#{directory}/ctl.sock", "-T", "none", "stop")
        puma.process.wait
        expect_nothing_left(puma, processes)
      end
    end
  end

  it "stops on SIGHUP, as Puma does" do
    puma = start_single
    processes = puma.processes.keys
    puma.signal(:HUP)
    puma.process.wait
    expect_nothing_left(puma, processes)
  end
end
