# frozen_string_literal: true

require "support/hand_over"

# In a container the proxy is process 1, and the container ends with that: a PID namespace of Linux shows it.
RSpec.describe "proxy start as the first process" do
  include HandOver

  space = %w[unshare --pid --fork --kill-child --mount-proc]
  allowed = system(*space, "true", out: File::NULL, err: File::NULL)

  before { skip "this machine allows no PID namespace" unless allowed }

  # Process 1, as it is seen from here: the child of `unshare`.
  def first = File.read("/proc/#{process.pid}/task/#{process.pid}/children").to_i

  # Numbers of the processes in the container, as it sees them.
  def inside = Dir.children("/proc/#{first}/root/proc").grep(/\A\d+\z/).map(&:to_i).sort

  # By a signal to process 1, as `docker kill --signal USR2` sends it.
  def hand_over_inside
    process.output.clear
    kill(:USR2, first)
    process.await_output(/^PID (\d+) serves from now on\./)[1].to_i
  end

  it "stays, passes signals on to the process that serves, and ends with its status" do
    start("static_response body: 'ok'", before: space)
    pids = Array.new(3) { hand_over_inside }
    eventually(limit: 10) { expect(inside).to eq([1, pids.last]) }
    expect(get.body).to eq("ok")
    rewrite("static_response body: 'new'")
    kill(:HUP, first)
    process.await_output(/^Reloaded Proxyfile/)
    expect(get.body).to eq("new")
    kill(:TERM, first)
    expect(process.wait.exitstatus).to eq(0)
    expect(process.output).to include("Stopping.")
  end

  it "goes on with the old process if the new one fails, and ends when that is killed" do
    start("static_response body: 'ok'", before: space)
    rewrite("nonsense")
    kill(:USR2, first)
    process.await_output(/This process goes on as before\.$/)
    expect(get.body).to eq("ok")
    rewrite("static_response body: 'new'")
    hand_over_inside
    eventually(limit: 10) { expect(inside.length).to eq(2) }
    serving = File.read("/proc/#{first}/task/#{first}/children").to_i
    kill(:KILL, serving)
    expect(process.wait.exitstatus).to eq(137)
  end
end
