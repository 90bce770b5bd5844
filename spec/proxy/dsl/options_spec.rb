# frozen_string_literal: true

# The table of options and the engine's configuration are two lists of the same things.
RSpec.describe Proxy::DSL::Options do
  # What a default in backticks says, as Ruby would write the engine's value.
  def written(value)
    case value
    in Float then (value % 1).zero? ? value.to_i : value
    in Hash then value.fetch("named")
    in [String => only] then only
    in [[Integer => first, Integer => last]] then "#{first}..#{last}"
    else value
    end
  end

  def literal(prose)
    text = prose[/\A`(.*)`\z/, 1] or return
    return text.delete("_").to_i if text.match?(/\A[\d_]+\z/)

    { "true" => true, "false" => false, "{}" => [], "[]" => [], '""' => "" }.fetch(text, text)
  end

  # Prose stands where the engine's default is "not set"; a literal must be the engine's.
  def expect_same_default(name, prose, value)
    if value.nil? || (value == [] && literal(prose).nil?)
      expect(literal(prose)).to be_nil, "#{name}: the engine has no default, the table says #{prose}"
    else
      expect(literal(prose)).to eq(written(value)), "#{name}: the engine has #{value.inspect}, the table says #{prose}"
    end
  end

  let(:defaults) { Proxy::Native.defaults }

  filters = described_class::FILTERS.map(&:name)

  [:location, :proxy, :pool, :health_check, :static_response, :redirect, :error_response, *filters].each do |word|
    it "lists the options and the defaults of #{word} as the engine does" do
      engine = defaults.fetch(word).except(:at, :pool, :routes, :word, :inner)
      table = described_class::BY_NAME.fetch(word).options
      table -= described_class::POOL.options unless word == :pool

      taken = described_class::BY_NAME.fetch(word).takes ? engine.keys - table.map(&:name) : []
      expect(taken.length).to be <= 1
      expect(table.map(&:name)).to match_array(engine.keys - taken)
      table.each { |option| expect_same_default("#{word} #{option.name}", option.default, engine.fetch(option.name)) }
    end
  end

  it "lists the options and the defaults of a backend as the engine does" do
    engine = defaults.fetch(:backend)
    table = described_class::BACKEND.options

    expect(table.map(&:name)).to match_array(engine.keys)
    table.reject { |option| option.name == :address }
         .each { |option| expect_same_default("backend #{option.name}", option.default, engine.fetch(option.name)) }
  end

  it "lists the server directives and their defaults as the engine does", :binding do
    engine = defaults.fetch(:server).except(:routes, :upstreams).transform_keys(binds: :bind)
    table = described_class::SERVER

    expect(table.map(&:name)).to match_array(engine.keys)
    table.reject { |directive| directive.name == :bind }.each do |directive|
      value = engine.fetch(directive.name)
      expect_same_default(directive.name, directive.default, value.is_a?(Hash) ? value.fetch(:value) : value)
    end
  end

  it "lists bind's default and its options as the engine does" do
    bind = described_class::BY_NAME.fetch(:bind)

    expect(literal(bind.default)).to eq(defaults.dig(:bind, :url))
    expect(bind.options.map(&:name)).to match_array(defaults.fetch(:bind).keys - %i[url at])
  end

  it "describes every directive and every option" do
    described_class::ALL.each do |directive|
      expect(directive.prose).to match(/\A[A-Z].*\.\z/m), "#{directive.name} has no prose"
      directive.options.each { |option| expect(option.prose).to match(/\A[A-Z`].*\.\z/m), "#{directive.name} #{option.name}: #{option.prose}" }
    end
  end

  it "has a method with an example for every word" do
    source = %w[server_directives upstreams routing inclusion handlers filters auth].map { |name| File.read("lib/proxy/dsl/#{name}.rb") }.join
    described_class::WORDS.each do |word|
      expect(Proxy::DSL.public_method_defined?(word)).to be(true), "there is not a valid method #{word}"
      comment = source[/((?:^ *#.*\n)+) *def #{word}(?!\w)/, 1]
      expect(comment.to_s).to include("@example").and(match(/#\s{3,}#{word}(?!\w)/)), "#{word} has no example"
    end
  end
end
