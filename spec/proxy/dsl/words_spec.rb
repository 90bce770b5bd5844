# frozen_string_literal: true

# The words and the engine's configuration are two lists of the same things.
RSpec.describe Proxy::DSL::Words do
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
    return text.to_f if text.match?(/\A\d+\.\d+\z/)

    { "true" => true, "false" => false, "{}" => [], "[]" => [], '""' => "" }.fetch(text, text)
  end

  # Prose stands where the engine's default is "not set"; a literal must be the engine's.
  def expect_same_default(name, prose, value)
    if value.nil? || (value == [] && literal(prose).nil?)
      expect(literal(prose)).to be_nil, "#{name}: the engine has no default, the word says #{prose}"
    else
      expect(literal(prose)).to eq(written(value)), "#{name}: the engine has #{value.inspect}, the word says #{prose}"
    end
  end

  let(:defaults) { Proxy::Native.defaults }

  filters = described_class::BY_NAME.values.grep(Proxy::DSL::Word::Filter).map(&:name)

  # The words whose options the engine has in one place, each with how it calls that.
  { location: :location, proxy: :proxy, upstream: :pool, health_check: :health_check, static_response: :static_response,
    redirect: :redirect, error_response: :error_response, on: :on, metrics: :metrics, acme: :acme,
    on_demand_limits: :on_demand_limits, compression_levels: :compression_levels, body_file: :body_file,
    access_log: :access_log, keep: :access_log_keep,
    **filters.to_h { |name| [name, name] } }.each do |word, owner|
    it "lists the options and the defaults of #{word} as the engine does" do
      engine = defaults.fetch(owner).except(:at, :pool, :routes, :word, :inner, :block, :backends_block)
      schema = described_class.schema(word)
      shared = word == :proxy ? described_class.schema(:upstream).names : []
      options = schema.options.reject { |option| shared.include?(option.name) }

      taken = schema.takes && word != :upstream ? engine.keys - options.map(&:name) : []
      expect(taken.length).to be <= 1
      expect(options.map(&:name)).to match_array(engine.keys - taken)
      # A Hash that has defaults of its own is a schema of its own.
      options.reject { |option| option.required? || engine.fetch(option.name).is_a?(Hash) && option.type.schema }
             .each do |option|
        expect_same_default("#{word} #{option.name}", option.default, engine.fetch(option.name))
      end
    end
  end

  it "has the options of `upstream` in `proxy`, of which `backends` may be left out there" do
    upstream, proxy = described_class.schema(:upstream), described_class.schema(:proxy)

    expect(upstream.options - proxy.options).to eq([upstream.option(:backends)])
    expect([upstream, proxy].map { |word| word.option(:backends).required? }).to eq([true, false])
  end

  it "lists the options and the defaults of a backend as the engine does" do
    engine = defaults.fetch(:backend)
    options = described_class.schema(:backend).options

    expect(options.map(&:name)).to match_array(engine.keys)
    options.reject(&:required?).each do |option|
      expect_same_default("backend #{option.name}", option.default, engine.fetch(option.name))
    end
  end

  it "lists the server directives and their defaults as the engine does", :binding do
    engine = defaults.fetch(:server).except(:adopts, :routes, :upstreams).transform_keys(binds: :bind, events: :on)
    settings = described_class::BY_NAME.values.grep(Proxy::DSL::Word::Setting)

    expect(settings.map(&:name)).to match_array(engine.keys)
    settings.reject { |word| word.name == :bind }.each do |word|
      value = engine.fetch(word.name)
      expect_same_default(word.name, word.default, value.is_a?(Hash) ? value.fetch(:value) : value)
    end
  end

  it "lists bind's default and its options as the engine does" do
    bind = described_class.schema(:bind)

    expect(literal(bind.default)).to eq(defaults.dig(:bind, :url))
    expect(bind.options.map(&:name)).to match_array(defaults.fetch(:bind).keys - %i[url at])
  end

  it "describes every word and every option" do
    described_class::SCHEMAS.each do |schema|
      expect(schema.prose).to match(/\A[A-Z].*\.\z/), "#{schema.name} has no prose"
      schema.options.each do |option|
        expect(option.prose).to match(/\A[A-Z`].*\.\z/), "#{schema.name} #{option.name}: #{option.prose}"
      end
    end
  end

  it "has a method with an example for every word" do
    described_class::BY_NAME.each do |name, word|
      expect(Proxy::DSL.public_method_defined?(name)).to be(true), "there is no method #{name}"
      expect(word.examples.flat_map(&:first)).to include(match(/\A#{name}(?!\w)/)), "#{name} has no example"
    end
  end

  it "has a file for every word, and a word for every file" do
    files = Dir["lib/proxy/dsl/words/*.rb"].map { |path| File.basename(path, ".rb") }

    expect(described_class::LIST.map { |name| name.to_s.delete_suffix("!") }).to match_array(files)
  end
end
