# frozen_string_literal: true

require "proxy/cli"
require "stringio"

RSpec.describe Proxy::CLI::Console do
  # An output that is what the block makes of each text.
  def output(&write)
    Object.new.tap do |io|
      io.define_singleton_method(:sync=) { |_| }
      io.define_singleton_method(:write, &write)
    end
  end

  it "prints lines in their order, those of both outputs too if they are one" do
    io = StringIO.new
    console = described_class.new(io, io)
    console.say("one", "two")
    console.complain("three")
    console.say("four")

    expect(console.flush(10)).to be(true)
    expect(io.string).to eq("one\ntwo\nthree\nfour\n")
  end

  it "holds nobody up, loses what finds no room, and says how much once it can" do
    gate = Queue.new
    texts = []
    console = described_class.new(output { |text| (gate.pop if texts.empty?) || texts << text }, StringIO.new)
    3000.times { |n| console.say(n.to_s) }
    expect(console.flush(0.01)).to be(false)
    gate << nil
    eventually_printed = Timeout.timeout(10) { console.flush(10) }
    console.say("again")
    console.flush(10)

    lost = texts.join.scan(/^(\d+) lines are missing here/).flatten.sum(&:to_i)
    kept = texts.join.scan(/^\d+$/).length
    expect([eventually_printed, lost + kept, lost.positive?, texts.last.start_with?("again\n")])
      .to eq([true, 3000, true, true])
  end

  [Errno::ENOSPC, Errno::EPIPE, Errno::EIO, Errno::EBADF, IOError].each do |error|
    it "goes on after #{error}" do
      fails = true
      texts = []
      console = described_class.new(StringIO.new, output { |text| fails ? raise(error) : texts << text })
      5.times { |n| console.complain(n.to_s) }
      console.flush(10)
      fails = false
      console.complain("again")
      console.flush(10)

      expect(texts).to eq(["again\n5 lines are missing here: they could not be printed\n"])
    end
  end

  it "goes on in a forked child" do
    reader, writer = IO.pipe
    console = described_class.new(writer, writer)
    console.say("parent")
    console.flush(10)
    Process.wait(fork { console.say("child") && console.flush(10) && exit!(0) })
    writer.close

    expect(reader.read).to eq("parent\nchild\n")
  end
end
