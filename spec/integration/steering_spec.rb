# frozen_string_literal: true

require "support/integration"

RSpec.describe "backends that are changed at run time" do
  let(:first) { backend_answering("first") }
  let(:second) { backend_answering("second") }

  def bodies(proxy, count = 6) = Array.new(count) { proxy.get.body }.tally

  def upstream_proxy(*backends)
    start_proxy do
      upstream "app", backends: backends
      proxy to: "http://app{path}{query}"
    end
  end

  it "changes the weight, the limit and the state of one or of all" do
    one, two = first.address, second.address
    proxy = upstream_proxy(one, two)
    expect(proxy.server.change_backend("app/#{one}", weight: 2, max_connections: 7)).to be(proxy.server)
    expect(bodies(proxy)).to eq("first" => 4, "second" => 2)
    expect(proxy.stats[:backends].map { |it| it.values_at(:weight, :max_connections, :added) })
      .to eq([[2, 7, false], [1, nil, false]])

    proxy.server.change_backend("app", state: :down)
    expect(proxy.stats[:backends].map { |it| it[:state] }).to eq(%w[down down])
    proxy.server.change_backend("app/#{two}", state: "ready", max_connections: 0)
    expect(bodies(proxy)).to eq("second" => 6)
  end

  it "adds and removes one, in each form of an address" do
    one, two = first.address, second.address
    proxy = upstream_proxy(one)
    proxy.server.add_backend(:app, "http://#{two}", weight: 2)
    expect(bodies(proxy)).to eq("first" => 2, "second" => 4)
    proxy.server.add_backend("app", "localhost:#{one[/\d+\z/]}", state: :draining)
    expect(proxy.stats[:backends].last.values_at(:state, :added)).to eq(["draining", true])

    proxy.server.remove_backend("app/#{one}")
    proxy.server.remove_backend("app/http://#{two}")
    expect(proxy.stats[:backends].map { |it| it[:address] }).to eq(["localhost:#{one[/\d+\z/]}"])
  end

  it "keeps all of it over a reload" do
    one, two = first.address, second.address
    proxy = upstream_proxy(one)
    proxy.server.add_backend("app", two)
    proxy.server.change_backend("app/#{one}", weight: 2)
    proxy.server.reload
    expect(proxy.stats[:backends].map { |it| it.values_at(:weight, :added) }).to eq([[2, false], [1, true]])
    proxy.server.reload do
      bind "http://127.0.0.1:0"
      upstream "app", backends: [{ address: one, weight: 3 }, two]
      proxy to: "http://app{path}{query}"
    end
    expect(proxy.stats[:backends].map { |it| it.values_at(:weight, :added) }).to eq([[3, false], [1, false]])
  end

  it "refuses what is wrong and changes nothing" do
    one = first.address
    proxy = upstream_proxy(one)
    before = proxy.stats[:backends]
    { -> { proxy.server.change_backend("app/#{one}", weight: 0) } => /weight: 0 is out of range: write 1 to 65535/,
      -> { proxy.server.change_backend("app/#{one}", state: :up) } => /state: "up" is unknown/,
      -> { proxy.server.change_backend("app/#{one}") } => /nothing is to be changed/,
      -> { proxy.server.change_backend("app/#{one}", weight: "much") } => /weight/,
      -> { proxy.server.change_backend("app/nobody", weight: 1) } => %r{not a valid backend: write one of app/#{one}},
      -> { proxy.server.add_backend("nobody", "127.0.0.1:1") } => /not a valid upstream: write one of app/,
      -> { proxy.server.add_backend("app", "127.0.0.1:99999") } => /99999/,
      -> { proxy.server.add_backend("app", "127.0.0.1:1", wieght: 1) } => /wieght/,
      -> { proxy.server.add_backend("app", "127.0.0.1:1", state: "up") } => /state: "up" is unknown/,
      -> { proxy.server.add_backend("app", one) } => /is a backend of app already/,
      -> { proxy.server.remove_backend("app/127.0.0.1:1") } => /not a valid backend/,
      -> { proxy.server.remove_backend("app") } => /whole upstream/ }.each do |change, message|
      expect(&change).to raise_error(ArgumentError, message)
    end
    expect(proxy.stats[:backends]).to eq(before)
  end

  it "does nothing with a server that has ended" do
    proxy = upstream_proxy(first.address)
    proxy.server.stop
    expect(proxy.server.add_backend("app", "127.0.0.1:1")).to be(proxy.server)
    expect(proxy.server.change_backend("app", weight: 2).remove_backend("app/x")).to be(proxy.server)
    expect(proxy.server.deploy("app", to: "127.0.0.1:1")).to be(proxy.server)
  end

  describe "with a file for the state" do
    around { |example| Dir.mktmpdir { |folder| (@folder = folder) && example.run } }

    def keeping(file, *backends)
      start_proxy do
        state file
        upstream "app", backends: backends
        proxy to: "http://app{path}{query}"
      end
    end

    it "keeps them over a restart" do
      one, two, file = first.address, second.address, File.join(@folder, "proxy.state")
      proxy = keeping(file, one)
      proxy.server.add_backend("app", two, weight: 3)
      proxy.server.remove_backend("app/#{one}")
      proxy.server.stop
      expect(File.stat(file).mode & 0o777).to eq(0o600)

      proxy = keeping(file, one)
      expect(bodies(proxy)).to eq("second" => 6)
      expect(proxy.stats[:backends].map { |it| it.values_at(:address, :weight, :added) }).to eq([[two, 3, true]])
      proxy.server.stop
    end

    it "starts with a file that is none of a proxy, and sets it aside" do
      file = File.join(@folder, "proxy.state")
      File.write(file, "not JSON")
      proxy = keeping(file, first.address)
      expect(proxy.get.body).to eq("first")
      expect(File.read("#{file}.broken")).to eq("not JSON")
    end

    it "warns of a folder that is not there" do
      config = Proxy.check { state("nowhere/proxy.state") && proxy(to: "http://127.0.0.1:1") }
      expect(config.warnings.map(&:message)).to include(/the folder .*nowhere is not there/)
    end
  end
end
