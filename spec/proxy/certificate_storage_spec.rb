# frozen_string_literal: true

require "proxy/blocks/storage"
require_relative "proxyfiles"

RSpec.describe Proxy::Blocks::Storage do
  # Keeps values, and notes what it is called with.
  let(:object) do
    Class.new do
      attr_reader :calls, :values

      def initialize = (@calls, @values = [], { "states/a.json" => "{}" })

      def load(key) = values[key]

      def store(key, value) = values[key] = value

      def delete(key) = values.delete(key)

      def list(prefix) = values.keys.select { |key| key.start_with?(prefix) }

      def lock(*arguments) = calls.push(arguments) && "OK"
    end.new
  end

  def answer(op, key = "states/a.json", object: self.object, **more)
    described_class.new(object).call({ "op" => op, "key" => key, **more.transform_keys(&:to_s) }, nil)
  end

  # An object one of whose methods does what the block does.
  def with(method, &block) = object.tap { |changed| changed.define_singleton_method(method, &block) }

  it "loads, stores, deletes and lists values" do
    expect(answer("store", "states/b.json", value: "[]")).to be_nil
    expect(answer("list", "states/")).to eq(%w[states/a.json states/b.json])
    expect(answer("load", "states/b.json")).to eq("[]")
    expect(answer("delete", "states/b.json")).to be_nil
    expect(answer("load", "states/b.json")).to be_nil
  end

  it "takes a lock for an owner and some seconds, if the object answers with more than false or nil" do
    expect(answer("lock", "locks/a", owner: "me", seconds: 30)).to be(true)
    expect(object.calls).to eq([["locks/a", "me", 30]])
    [nil, false].each do |no|
      expect(answer("lock", "locks/a", owner: "me", seconds: 30, object: with(:lock) { |*| no })).to be(false)
    end
  end

  it "reads text that is not marked as UTF-8, as a database may return it" do
    binary = "Zürich".b.freeze
    expect(answer("load", object: with(:load) { |_| binary })).to eq("Zürich")
    expect(answer("list", "states/", object: with(:list) { |_| ["states/a".b] }).first.encoding).to be(Encoding::UTF_8)
  end

  it "answers with what was raised, and where" do
    failing = with(:store) { |*| raise IOError, "no connection" }

    expect(answer("store", value: "", object: failing))
      .to match("error" => /\Araised IOError: no connection \(.*_spec.rb:\d+\)\z/)
  end

  it "refuses answers that are no values and no keys" do
    { 5 => "an Integer: answer nil or a String", "\xFF" => "bytes that are not valid UTF-8" }.each do |value, message|
      expect(answer("load", object: with(:load) { |_| value }))
        .to eq("error" => "load(\"states/a.json\") answered with #{message}")
    end
    [nil, "states/a", [1]].each do |list|
      told = answer("list", "states/", object: with(:list) { |_| list })
      expect(told).to eq(list.nil? ? [] : { "error" => "list(\"states/\") answered with what is no Array of Strings: " \
                                                       "answer keys" })
    end
  end
end

RSpec.describe Proxy::ConfigurationError, "about where certificates are kept" do
  include Proxyfiles

  hint = 'the path of a folder, such as "/var/lib/proxy/acme", or an object with load, store, delete, list and lock'
  most = "def load(key) = nil; def store(key, value) = 1; def delete(key) = 1; def list(prefix) = []"

  # What is written behind `storage:`, and what is told of it.
  {
    '"redis://:s3cret@10.0.0.3:6379/1"' => "a redis URL is not a folder: write #{hint}",
    ":shared" => "a Symbol is not a valid value: write #{hint}",
    "{}" => "a Hash is not a valid value: write #{hint}",
    "[]" => "an Array is not a valid value: write #{hint}",
    "5" => "an Integer is not a valid value: write #{hint}",
    '""' => "the path is empty: write the path of a file",
    "Class.new { #{most}; def lock(key, owner, seconds) = true }" => "this is a class: write .new(…)",
    "Class.new { #{most} }.new" => "the object has no lock: write def lock(key, owner, seconds)",
    "Class.new { #{most}; def lock(key, ttl:) = true }.new" =>
      "lock is called with other arguments: write def lock(key, owner, seconds)",
    "Struct.new(:secret) { def load(key) = nil }.new('s3cret')" =>
      "the object has no store, delete, list and lock: write def store(key, value), def delete(key), " \
      "def list(prefix), def lock(key, owner, seconds)"
  }.each do |written, message|
    it "says what is wrong with storage: #{written}" do
      problems = problems_of("acme email: 'ops@example.com', storage: #{written}\nproxy to: 'http://127.0.0.1:1'\n")
      told = problems.filter_map { |problem| problem[/\AProxyfile:1: acme: storage: (.*)/m, 1] }

      expect(told).to eq([message])
      expect(problems.join).not_to include("s3cret")
    end
  end
end
