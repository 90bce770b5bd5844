# frozen_string_literal: true

require "rbs"
require "word_signatures"

# Whether the signatures are true is checked by `rake rbs rbs:test`; here, whether there is one for everything.
RSpec.describe "sig/", :signatures, time_limit: 60 do
  environment = nil

  # Every class and module of the gem, by name.
  def self.modules_in(parent)
    parent.constants(false).filter_map { |name| parent.const_get(name) }.grep(Module).select do |found|
      found.name.start_with?(parent.name)
    end
          .flat_map { |found| [found, *modules_in(found)] }.uniq
  end

  before do
    environment ||= RBS::EnvironmentLoader.new.tap { |loader|
      loader.add(path: Pathname("sig"))
      loader.add(library: "json", version: nil)
      loader.add(library: "optparse", version: nil)
    }.then { |loader| RBS::Environment.from_loader(loader).resolve_type_names }
  end

  let(:builder) { RBS::DefinitionBuilder.new(env: environment) }

  def declared(owner, kind)
    name = RBS::TypeName.new(name: owner.name.split("::").last.to_sym,
                             namespace: RBS::Namespace.parse("::#{owner.name.split("::")[0..-2].join("::")}"))
    builder.public_send(kind, name).methods
           .select { |_, method| method.defs.any? { |part| part.implemented_in == name } }.keys
  end

  require "proxy/cli"
  [Proxy, *modules_in(Proxy)].each do |owner|
    it "declares every public method of #{owner}" do
      instance = owner.public_instance_methods(false)
      singleton = owner.singleton_methods(false) - %i[allocate inherited]

      expect(instance - declared(owner, :build_instance)).to eq([])
      expect(singleton - declared(owner, :build_singleton)).to eq([])
    end
  end

  it "has the signatures of the words as they are (`rake sig` writes them)" do
    expect(File.read(WordSignatures::PAGE)).to eq(WordSignatures.text)
  end

  it "mirrors lib/, but for the words, which have one file" do
    code = Dir["lib/**/*.rb"].grep_v(%r{/words/}).map { |path| path.delete_prefix("lib/").delete_suffix(".rb") }
    signatures = Dir["sig/**/*.rbs"].map { |path| path.delete_prefix("sig/").delete_suffix(".rbs") }

    expect(signatures.map { |path| path == "native" ? "proxy/native" : path }).to match_array(code)
  end
end
