# frozen_string_literal: true

require "spec_helper"
require "proxy/cli"
require "stringio"
require "tmpdir"

# The wrappers of RBS take no doubles.
RSpec.describe "Proxy::CLI::Serving, the start of a new process", :unwrapped do
  serving = Proxy::CLI::Serving

  let(:upgrading_class) { serving.const_get(:Upgrading) }

  describe "Upgrading" do
    # A server without sockets.
    let(:server) do
      copies = Class.new { def to_a = []; def close = nil }.new
      instance_double(Proxy::Server, listening_copies: copies, control_copies: copies, state_to_pass: '{"a":1}',
                                     stay: nil)
    end
    let(:console) { instance_double(Proxy::CLI::Console, say: nil, complain: nil) }
    let(:events) { Thread::Queue.new }
    let(:signals) do
      instance_double(serving.const_get(:Signals)).tap do |signals|
        allow(signals).to receive(:push) { |*event| events << event }
      end
    end

    # The launch of a Ruby program.
    def launch(program)
      Object.new.tap do |launch|
        launch.define_singleton_method(:spawn) do |variables, descriptors|
          Process.spawn(variables, RbConfig.ruby, "-rsocket", "-e", program, descriptors)
        end
      end
    end

    def outcome(program, **options)
      upgrading = upgrading_class.new(server, console, signals, launch(program), **options)
      upgrading.begin(12)
      event, outcome = Timeout.timeout(10) { events.pop }
      expect(event).to eq(:upgraded)
      outcome
    end

    it "is over when the new process serves, which was told what it asked for" do
      program = <<~RUBY
        talk = UNIXSocket.for_fd(Integer(ENV.fetch("PROXY_UPGRADE_FD")))
        talk.puts "state"
        abort unless talk.read(Integer(talk.gets)) == '{"a":1}'
        talk.puts "serves "
        IO.for_fd(Integer(ENV.fetch("PROXY_READY_FD"))).syswrite(".")
        sleep
      RUBY
      successor = outcome(program)
      expect(successor.closing).to eq([])
    ensure
      Process.kill(:KILL, successor.pid) if successor
      Process.wait(successor.pid) if successor
    end

    it "fails when the new process hangs, which is killed then" do
      failure = outcome("sleep", limit: 0.3)
      expect(failure.message).to match(/\AThe new process \(PID \d+\) did not serve within 0\.3 seconds, and was killed\z/)
      pid = failure.message[/\d+/].to_i
      expect { Process.kill(0, pid) }.to raise_error(Errno::ESRCH)
    end

    it "fails when the new process ends, and says how" do
      expect(outcome("exit 3").message).to end_with("ended before it served, by exit status 3")
      expect(outcome("Process.kill(:KILL, $$)").message).to end_with("ended before it served, by SIGKILL")
    end

    it "fails when there is nothing to start" do
      missing = Object.new
      missing.define_singleton_method(:spawn) { |*| Process.spawn("/nowhere/ruby") }
      upgrading = upgrading_class.new(server, console, signals, missing)
      upgrading.begin(12)
      failure = Timeout.timeout(10) { events.pop }.last
      expect(failure.message).to match(%r{\ANo new process could be started: No such file or directory - /nowhere/ruby})
    end

    it "leaves the sockets to the new process before the order is answered" do
      told = []
      allow(server).to receive(:leave) { |places| told << places }
      asker = Object.new.tap { |one| one.define_singleton_method(:tell) { |*answer| told << answer } }
      program = 'IO.for_fd(Integer(ENV.fetch("PROXY_READY_FD"))).syswrite("."); sleep'
      upgrading = upgrading_class.new(server, console, signals, launch(program))
      upgrading.begin(asker)
      successor = upgrading.over(Timeout.timeout(10) { events.pop }.last)
      expect(told).to eq([[], [200, { pid: successor.pid }]])
    ensure
      Process.kill(:KILL, successor.pid) if successor
      Process.wait(successor.pid) if successor
    end

    it "tells who has given an order meanwhile that the new process is to be asked, and passes signals on" do
      told = []
      allow(server).to receive(:leave)
      asker = Object.new.tap { |one| one.define_singleton_method(:tell) { |*answer| told << answer } }
      program = <<~'RUBY'
        trap(:HUP) { $signals = $signals.to_i + 1 }
        trap(:USR1) { exit $signals.to_i }
        IO.for_fd(Integer(ENV.fetch("PROXY_READY_FD"))).syswrite("."); sleep
      RUBY
      upgrading = upgrading_class.new(server, console, signals, launch(program))
      upgrading.begin(12)
      upgrading.postpone(:reload, asker)
      upgrading.postpone(:reopen, Signal.list.fetch("USR1"))
      successor = upgrading.over(Timeout.timeout(10) { events.pop }.last)
      expect(told).to match([[409, include(error: /\Areload: PID #{successor.pid} serves/, successor: successor.pid)]])
      expect(Timeout.timeout(10) { Process.wait2(successor.pid) }.last.exitstatus).to eq(0)
    end

    it "answers an order with what came of it, and refuses a second one meanwhile" do
      replies = []
      reply = lambda do |name|
        Object.new.tap { |one| one.define_singleton_method(:tell) { |*told| replies << [name, *told] } }
      end
      upgrading = upgrading_class.new(server, console, signals, launch("sleep"), limit: 0.3)
      upgrading.begin(reply.call("first"))
      upgrading.begin(reply.call("second"))
      upgrading.postpone(:reload, reply.call("third"))
      expect(replies).to match([["second", 409, include(error: /is being started already/)]])
      expect(upgrading.over(Timeout.timeout(10) { events.pop }.last)).to be_nil
      expect(replies.last)
        .to match(["first", 409, include(error: /did not serve within.*`proxy check` or/, problems: [])])
      expect(events.pop.first).to eq(:reload)
      expect(server).to have_received(:stay)
    end
  end

  describe "Launch" do
    launch = serving.const_get(:Launch)

    around { |example| Dir.mktmpdir { |folder| Dir.chdir(folder) { example.run } } }

    it "starts Ruby with its options, the program and its arguments" do
      env = { "A" => "1", "LISTEN_PID" => "7" }
      start = launch.new(program: "x.rb", arguments: ["a b"], options: ["-W0"], env: env)
      File.write("x.rb", 'File.write("out", [ARGV, *ENV.values_at("A", "B", "LISTEN_PID", "HOME"), $VERBOSE].inspect)')
      pid = start.spawn({ "B" => "2" }, {})
      expect(Process.wait2(pid).last).to be_success
      expect(File.read("out")).to eq('[["a b"], "1", "2", nil, nil, nil]')
    end

    it "leaves out what systemd has told another process, and what it has told this one alone" do
      told = { "LISTEN_FDS" => "2", "LISTEN_FDNAMES" => "a:b", "WATCHDOG_USEC" => "1000", "A" => "1" }
      environment = lambda do |pid|
        env = { **told, "LISTEN_PID" => pid, "WATCHDOG_PID" => pid }
        launch.new(program: "x", arguments: [], options: [], env: env).environment.except("PWD")
      end
      expect(environment.call("1")).to eq("A" => "1")
      expect(environment.call(Process.pid.to_s)).to eq("A" => "1", "WATCHDOG_USEC" => "1000")
    end

    it "finds the options of Ruby that this process was started with" do
      File.write("x.rb", <<~RUBY)
        require "proxy/cli"
        print Proxy::CLI::Serving.const_get(:Launch).new.command.drop(1).inspect
      RUBY
      lib = File.expand_path("../../lib", __dir__)
      out = IO.popen([RbConfig.ruby, "-I#{lib}", "-W0", "./x.rb", "start", "--pid", "a"], &:read)
      expect(out).to eq(["-I#{lib}", "-W0", "./x.rb", "start", "--pid", "a"].inspect)
    end

    it "finds what lies in the folder where it is by then, and leaves a Gemfile out that is not there" do
      %w[one/bin two/bin].each { |path| FileUtils.mkdir_p(path) }
      File.symlink("one", "current")
      current, one = "#{Dir.pwd}/current", "#{File.realpath(Dir.pwd)}/one"
      env = { "PWD" => current, "BUNDLE_GEMFILE" => "#{one}/Gemfile", "RUBYOPT" => "-r#{one}/a -r/usr/b" }
      start = Dir.chdir("current") do
        launch.new(program: "#{one}/bin/proxy", arguments: [], options: [], env: env)
      end
      File.unlink("current")
      File.symlink("two", "current")
      expect(start.command).to eq([RbConfig.ruby, "#{one}/bin/proxy"])
      expect(start.environment).to eq("PWD" => current, "RUBYOPT" => "-r#{current}/a -r/usr/b")
      %w[two/bin/proxy two/Gemfile].each { |path| File.write(path, "") }
      expect(start.command).to eq([RbConfig.ruby, "#{current}/bin/proxy"])
      expect(start.environment).to include("BUNDLE_GEMFILE" => "#{current}/Gemfile")
    end

    it "leaves a Gemfile of another place alone" do
      env = { "BUNDLE_GEMFILE" => "/else/Gemfile" }
      expect(launch.new(program: "x", arguments: [], options: [], env: env).environment).to include(env)
    end
  end

  describe "Heartbeat" do
    it "counts backends by what they are" do
      text = ->(*states) { serving.const_get(:Heartbeat).text(states.map { |state| { state: state } }) }
      expect(text.call).to eq("Serving")
      expect(text.call("ready")).to eq("1 backend up")
      expect(text.call("unhealthy", "ready", "ready", "ejected", "down", "ready")).to eq("3 backends up, 3 down")
      expect(text.call("draining", "unchecked", "unresolved")).to eq("1 backend draining, 1 not checked yet, 1 down")
    end
  end
end
