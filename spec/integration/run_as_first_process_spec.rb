# frozen_string_literal: true

require "support/supervised"

# In a container the proxy is process 1: a PID namespace of Linux shows it.
RSpec.describe "proxy run as the first process", :supervised do
  space = %w[unshare --pid --fork --kill-child --mount-proc]
  allowed = system(*space, "true", out: File::NULL, err: File::NULL)

  before { skip "this machine allows no PID namespace" unless allowed }

  # The process inside that has process number 1, as it is seen from here: the child of `unshare`.
  def first = File.read("/proc/#{process.pid}/task/#{process.pid}/children").to_i

  # Number of zombies among the descendants.
  def zombies(of = process.pid)
    File.read("/proc/#{of}/task/#{of}/children").split.sum do |child|
      state = File.read("/proc/#{child}/stat").rpartition(")").last.split.first
      (state == "Z" ? 1 : 0) + zombies(child)
    end
  rescue Errno::ENOENT, Errno::ESRCH
    0
  end

  it "ends by SIGTERM, as `docker stop` sends it, with the status of the application" do
    start_run(before: space)
    await_ready
    expect(get.body).to match(/\Apid \d+\z/)
    Process.kill(:TERM, first)
    expect(finish).to eq(143)
  end

  it "passes on the signals for the application" do
    start_run(before: space)
    await_ready
    Process.kill(:USR1, first)
    process.await_output(/^app got USR1$/)
  end

  it "exits with the status of the application" do
    start_run(command: ["sh", "-c", "exit 3"], before: space)
    expect(finish).to eq(3)
  end

  it "reaps processes whose parents have ended" do
    start_run(before: space)
    await_ready
    orphans = 3.times.map { get("/orphan").body }
    expect(orphans).to all(match(/\A\d+\n\z/))
    eventually(limit: 10) { expect(Dir.children("/proc/#{first}/root/proc") & orphans.map(&:chomp)).to eq([]) }
    expect(zombies).to eq(0)
  end

  it "leaves the processes alone that a Proxyfile starts and waits for" do
    File.write("#{directory}/Proxyfile", <<~RUBY)
      child = spawn("sh", "-c", "exit 5")
      sleep 0.2
      Process.wait(child)
      warn "\#{`echo read`.chomp} \#{$?.exitstatus} \#{Process.last_status.pid == child}"
      pid = spawn("exit 5")
      sleep 0.2
      warn "status \#{Process.wait2(pid).last.exitstatus}"
    RUBY
    start_run(before: space)
    await_ready
    process.await_output(/^read 0 false\nstatus 5$/)
    process.output.clear
    Process.kill(:HUP, first)
    process.await_output(/^status 5$/)
  end

  describe "by examples/docker/app", time_limit: 40 do
    folder = File.expand_path("../../examples/docker/app", __dir__)
    instructions = File.read("#{folder}/Dockerfile").gsub(/^#.*\n/, "").gsub("\\\n", "").lines(chomp: true)
    words = ->(name) { JSON.parse(instructions.grep(/\A#{name} /).last[/\[.*\]\z/]) }

    it "is healthy once Puma is ready, and ends by the signal of `docker stop` within its 10 seconds" do
      %w[config.ru Proxyfile].each do |name|
        File.write("#{directory}/#{name}", File.read("#{folder}/#{name}").sub("0.0.0.0:8080", "127.0.0.1:0"))
      end
      proxy, run, *arguments = words["CMD"]
      expect([proxy, run]).to eq(%w[proxy run])
      split = arguments.index("--")
      start_run(*arguments.take(split), bind: nil, command: arguments.drop(split + 1), before: space)
      await_ready
      check = words["HEALTHCHECK"].map { |word| word.sub("8080", url[/\d+\z/]) }
      expect(system(*check)).to be(true)
      expect(process.output).to include("Activated tcp://127.0.0.1:")
      expect([get.body, get("/reports/a").body]).to eq(["Hello\n", "Hello\n"])
      Process.kill(instructions.grep(/\ASTOPSIGNAL/).first.split.last, first)
      expect(finish(limit: 10)).to eq(143)
    end
  end
end
