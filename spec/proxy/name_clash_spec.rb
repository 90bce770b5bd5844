# frozen_string_literal: true

require "open3"

RSpec.describe "a program that has a Proxy of its own" do
  def loading(before)
    script = "#{before}\nbegin; require 'proxy'; puts Proxy::VERSION; rescue LoadError => error; puts error.message; " \
             "end"
    Open3.capture2e(RbConfig.ruby, "-I#{File.expand_path("../../lib", __dir__)}", "-", stdin_data: script).first
  end

  it "is told in one line, with the place" do
    expect(loading("class Proxy; end")).to eq(
      "this program has a Proxy of its own (-:1), and the gem proxy needs that name for its module: rename it, or " \
      "write `gem \"proxy\", require: false` and run the command `proxy` beside the program\n"
    )
    expect(loading("Proxy = 1")).to start_with("this program has a Proxy of its own (-:1), ")
  end

  it "may open the gem's module beforehand" do
    expect(loading("module Proxy; end")).to eq("#{Proxy::VERSION}\n")
  end
end
