# frozen_string_literal: true

RSpec.describe Proxy::DSL::Schema do
  let(:types) { Proxy::DSL::Types }

  let(:tank) do
    types = self.types
    Class.new(described_class) do
      prose "A tank\n  of water."
      example "tank depth: 2\ntank depth: 3, fish: true"

      option :depth, types::COUNT, "How deep it is.", required: true
      option :fish, types::SWITCH, "Whether there are fish.", default: "none", aliases: [:fishes]
      option :lid, types::FIELD_NAME, "What covers it.", default: "nothing", unset: true
      together :depth, :lid
    end
  end

  it "is what was written down" do
    schema = tank.new(:tank)

    expect([schema.prose, schema.example, schema.names])
      .to eq(["A tank of water.", "tank depth: 2", %i[depth fish fishes lid]])
    expect(schema.options.map(&:default)).to eq(%w[required none nothing])
    expect(schema.option(:fishes)).to equal(schema.option(:fish))
    expect(schema).to be_frozen
  end

  it "says of each option how a method takes it, in RBS" do
    expect(tank.new(:tank).options.flat_map(&:keywords))
      .to eq(["depth: Integer", "?fish: bool", "?fishes: bool", "?lid: String?"])
  end

  it "takes the options of another one, with other facts where it has some" do
    other = Class.new(described_class)
    other.options_of(tank, except: [:fish], depth: { required: false, default: "shallow" })
    schema = other.new(:pond)

    expect(schema.options.map { |option| [option.name, option.default] })
      .to eq([[:depth, "shallow"], [:lid, "nothing"]])
    expect(schema.option(:lid)).to equal(tank.options.last)
    expect(schema.sound_pairs({ "depth" => 1 }, { depth: 1, lid: 3 })).to eq({})
    expect(schema.sound_pairs({ "depth" => 1 }, { depth: 1, lid: nil })).to eq({ "depth" => 1 })
  end

  it "has an example for a message only if that is a line" do
    long = Class.new(described_class) { example "tank depth: 2,\n     lid: nil" }

    expect([long.new(:tank).example, Class.new(described_class).new(:tank).example]).to eq([nil, nil])
  end
end
