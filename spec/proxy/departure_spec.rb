# frozen_string_literal: true

require "proxy/cli"
require "support/stand_in"
require_relative "proxyfiles"

RSpec.describe "Proxy::CLI::Departure", :unwrapped do
  include Proxyfiles

  let(:socket) { "#{directory}/control.sock" }

  def departure(**status) = Proxy::CLI::Departure.new(Proxy::Control.connect(socket), status)

  def own_namespace = File.stat("/proc/self/ns/pid").ino

  it "is over once the process has ended, though nobody has taken its exit status" do
    reader, writer = IO.pipe
    pid = Process.spawn("cat", in: reader, out: File::NULL)
    reader.close
    waiting = Thread.new { departure(pid: pid, pid_namespace: own_namespace).wait }
    expect(waiting.join(0.3)).to be_nil
    writer.close
    expect(waiting.join(10)).to be(waiting)
  ensure
    Process.wait(pid)
  end

  it "is over once a process of a namespace that cannot be seen answers no longer" do
    answers = [[200, { pid: Process.pid }], [200, { pid: Process.pid + 1 }]]
    stand_in = StandIn.new(UNIXServer.new(socket)) { answers.shift }
    Timeout.timeout(10) { departure(pid: Process.pid, pid_namespace: 1).wait }
    expect(answers).to eq([])
  ensure
    stand_in&.stop
  end

  it "waits for a process of another namespace that can be seen" do
    isolated = %w[unshare --user --map-root-user --pid --fork]
    skip "no namespaces can be made here" unless system(*isolated, "true", %i[out err] => File::NULL)

    reader, writer = IO.pipe
    pid = Process.spawn(*isolated, "cat", in: reader, out: File::NULL)
    reader.close
    namespace = Timeout.timeout(10) do
      sleep 0.01 until (inner = File.read("/proc/#{pid}/task/#{pid}/children").split.first)
      File.stat("/proc/#{inner}/ns/pid").ino
    end
    waiting = Thread.new { departure(pid: 1, pid_namespace: namespace).wait }
    expect(waiting.join(0.3)).to be_nil
    writer.close
    expect(waiting.join(10)).to be(waiting)
  ensure
    Process.wait(pid) if pid
  end
end
