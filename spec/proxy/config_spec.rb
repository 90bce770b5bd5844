# frozen_string_literal: true

require "pathname"
require_relative "proxyfiles"

RSpec.describe Proxy::Config do
  include Proxyfiles

  it "looks for Proxyfile, then for config/proxy.rb" do
    found = Dir.chdir(directory) do
      none = described_class.find
      write("config/proxy.rb", "")
      second = described_class.find
      write("Proxyfile", "")
      [none, second, described_class.find]
    end

    expect(found).to eq(["Proxyfile", "config/proxy.rb", "Proxyfile"])
  end

  it "counts binds and handlers, those inside of locations included" do
    config = described_class.load do
      bind "http://127.0.0.1:0"
      bind "http://127.0.0.1:0"
      location("/a") { static_response body: "" }
      static_response body: ""
    end

    expect([config.bind_count, config.route_count]).to eq([2, 2])
  end

  it "takes the engine's default where no shutdown_timeout is written" do
    written = described_class.load { shutdown_timeout 2 }

    expect([described_class.load {}.shutdown_timeout, written.shutdown_timeout]).to eq([30.0, 2.0])
  end

  it "replaces the binds, and reports a wrong one without a line" do
    config = described_class.load(binds: ["http://127.0.0.1:0", "http://127.0.0.1:0?backlog=many"]) do
      bind "http://127.0.0.1:1"
    end

    expect(config.to_h["binds"]).to eq([{ "url" => "http://127.0.0.1:0" }])
    expect(config.errors.map(&:to_s)).to eq(['bind: backlog: "many" is a String: write a whole number, such as 64'])
  end

  it "keeps the binds of the file when none are given beside it" do
    config = described_class.load(binds: []) { bind "http://127.0.0.1:1" }

    expect(config.to_h["binds"].map { |bind| bind["url"] }).to eq(["http://127.0.0.1:1"])
  end

  it "refuses binds that are no Array", :wrong_types do
    expect { Proxy.start(binds: "http://127.0.0.1:0") { static_response body: "" } }
      .to raise_error(TypeError, "binds must be an Array of URLs, not a String")
  end

  it "tells what is odd about the whole of the file, unless a part of it is wrong" do
    messages = ["threads 1\n", "proxi to: 'http://a.example'\n"].map { |text| problems_of(text) }

    expect(messages).to eq([["Proxyfile: nothing is proxied: write proxy to: \"http://…\", or a location with one"],
                            ["Proxyfile:1: proxi: unknown directive (did you mean proxy?)"]])
  end

  it "refuses a path together with a block" do
    expect { Proxy.start("Proxyfile") { threads 1 } }.to raise_error(ArgumentError, "give a path or a block, not both")
  end

  it "takes a Pathname" do
    path = write("Proxyfile", "static_response body: ''\n")

    expect(Proxy.check(Pathname.new(path))).to eq([])
  end

  it "refuses a path of another class", :wrong_types do
    expect { Proxy.check(3) }.to raise_error(TypeError, "a path must be a String, not an Integer")
  end
end
