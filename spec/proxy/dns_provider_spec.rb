# frozen_string_literal: true

require "proxy/blocks/dns_provider"

RSpec.describe Proxy::Blocks::DnsProvider do
  let(:facts) { { "op" => "add", "name" => "_acme-challenge.example.com", "value" => "abc" } }
  let(:object) do
    Class.new do
      attr_reader :calls

      def add(*arguments) = (@calls ||= []) << [:add, *arguments]

      def remove(*arguments) = @calls << [:remove, *arguments]
    end.new
  end

  def answer(object, facts) = described_class.new(object).call(facts, nil)

  it "calls add and remove of an object with the name and the value" do
    answers = [answer(object, facts), answer(object, { **facts, "op" => "remove" })]

    expect(answers).to eq([nil, nil])
    expect(object.calls).to eq([[:add, "_acme-challenge.example.com", "abc"],
                                [:remove, "_acme-challenge.example.com", "abc"]])
  end

  it "calls a block with a record" do
    records = []
    answers = %w[add remove].map { |op| answer(records.method(:push), { **facts, "op" => op }) }

    expect(answers).to eq([nil, nil])
    expect(records.map { |record| [record.name, record.value, record.add?, record.remove?] })
      .to eq([["_acme-challenge.example.com", "abc", true, false], ["_acme-challenge.example.com", "abc", false, true]])
    expect(records.first).to be_frozen
    expect(records.first.inspect).to eq('#<Proxy::Blocks::DnsRecord add _acme-challenge.example.com "abc">')
  end

  it "answers with what was raised, and where" do
    expect(answer(->(_) { raise "no token" }, facts)).to match(/\Araised RuntimeError: no token \(.*_spec.rb:\d+\)\z/)
    expect(answer(->(_) { raise NotImplementedError }, facts)).to start_with("raised NotImplementedError")
  end

  it "takes false for a failure, as `system` returns it, and anything else for success" do
    expect(answer(->(_) { system("false") }, facts)).to eq("returned false")
    expect(answer(->(_) { nil }, facts)).to be_nil
  end
end
