# frozen_string_literal: true

RSpec.describe Proxy::DSL::Statements do
  def line_of(source, word, line)
    described_class.new(source).line_of(word, line)
  end

  it "finds the word above its arguments" do
    expect(line_of("a\nproxy \\\n to: 1, \\\n b: 2\n", "proxy", 4)).to eq(2)
  end

  it "leaves a line alone when the word above belongs to another statement" do
    expect(line_of("proxy to: 1\nsend(:proxy,\n to: 2)\n", "proxy", 3)).to eq(3)
  end

  it "does not take a label or a symbol for the word" do
    expect(line_of("timeout(\n timeout: 1,\n a: :timeout\n)", "timeout", 3)).to eq(1)
  end

  it "takes the nearest of several calls in one statement" do
    expect(line_of("if x then proxy(to: 1) else\n proxy(\n to: 2) end\n", "proxy", 3)).to eq(2)
  end

  it "leaves the line alone where the source is unknown" do
    expect(line_of("", "proxy", 3)).to eq(3)
  end
end
