# frozen_string_literal: true

require "open3"
require_relative "proxyfiles"

RSpec.describe "a checkout that is not compiled" do
  include Proxyfiles

  it "says what to do" do
    FileUtils.cp_r("#{Proxyfiles::ROOT}/lib", directory)
    FileUtils.rm_f(Dir["#{directory}/lib/**/*.{so,bundle,dll}"])
    out, = Open3.capture2e(RbConfig.ruby, "-I#{directory}/lib", "-e", "begin; require 'proxy'; rescue LoadError => " \
      "error; puts error.message, error.cause.inspect; end")

    expect(out).to eq("the extension of the gem proxy is not compiled: run `rake compile` in #{directory}, or " \
                      "install the gem, which compiles it\nnil\n")
  end
end
