# frozen_string_literal: true

require "rubygems/package"
require "tmpdir"

RSpec.describe "the gem" do
  # The gem that `gem build` makes from this folder.
  def built
    @built ||= Dir.mktmpdir do |directory|
      path = File.join(directory, "proxy.gem")
      output = IO.popen(["gem", "build", "proxy.gemspec", "--output", path, { err: %i[child out] }], &:read)
      raise output unless $?.success? && !output.include?("WARNING")

      package = Gem::Package.new(path)
      [package.spec, package.contents]
    end
  end

  let(:spec) { built.first }
  let(:files) { built.last }

  it "has everything that is needed to compile the extension" do
    crates = Dir["ext/{http,engine,proxy}/{Cargo.toml,src/**/*.rs}"].grep_v(%r{/tests(/|\.rs)})

    expect(files).to include("Cargo.toml", "Cargo.lock", *crates, *Dir["ext/proxy/{extconf,build/*}.rb"])
  end

  it "has no tests" do
    expect(files.grep(%r{(^|/|_)(tests?|specs?)(/|\.rs|\.rb)})).to eq([])
  end

  it "has every file of lib, sig, exe and examples" do
    expect(files)
      .to include(*Dir["{lib,sig}/**/*.{rb,rbs}"], *Dir["{exe,examples}/**/*"].select { |path| File.file?(path) },
                  "lib/proxy/cli/template/Proxyfile")
  end

  it "has nothing else" do
    allowed = %r{\A(lib/.+\.rb|lib/proxy/cli/template/Proxyfile|sig/.+\.rbs|exe/proxy|examples/.+|Cargo\.(toml|lock)|
                 ext/(http|engine|proxy)/(Cargo\.toml|src/.+\.rs)|ext/proxy/(extconf|build/\w+)\.rb|
                 docs/[a-z0-9-]+\.md|\.yardopts|README\.md|CHANGELOG\.md|LICENSE)\z}x

    expect(files.grep_v(allowed)).to eq([])
  end

  it "is compiled by RubyGems itself" do
    expect(spec.extensions).to eq(["ext/proxy/extconf.rb"])
    expect(spec.required_ruby_version).to eq(Gem::Requirement.new(">= 3.1"))
    expect(spec.executables).to eq(["proxy"])
    expect(spec.metadata["rubygems_mfa_required"]).to eq("true")
  end

  it "leads to its sources, changes, issues and documentation" do
    links = spec.metadata.values_at("source_code_uri", "changelog_uri", "bug_tracker_uri", "documentation_uri")

    expect([spec.homepage, *links]).to all(start_with(spec.homepage)).and all(start_with("https://"))
  end

  it "depends on no other gem" do
    expect(spec.runtime_dependencies).to eq([])
  end

  it "has one version for the gem, the crates and the change log" do
    crates = File.read("Cargo.lock").scan(/^name = "proxy(?:-engine|-http)?"\nversion = "(.*)"$/).flatten
    workspace = File.read("Cargo.toml")[/^\[workspace\.package\]\nversion = "(.*)"$/, 1]

    expect([spec.version.to_s, workspace, *crates, File.read("CHANGELOG.md")[/^## \[(.*?)\]/, 1]])
      .to eq([Proxy::VERSION] * 6)
  end

  # Files that are only read where these gems are, by the person's own `require` or by Rails. (Of the generator,
  # `bundler/setup` stands in the program that it writes.)
  faces = { "lib/proxy/rspec.rb" => %w[rspec/core rspec/expectations],
            "lib/proxy/minitest.rb" => %w[minitest minitest/test], "lib/proxy/railtie.rb" => %w[rails/railtie],
            "lib/generators/proxy/install/install_generator.rb" => %w[rails/generators/base proxy/cli bundler/setup] }

  def required_by(path) = File.read(path).scan(/^\s*require "([^"#]+)"/).flatten

  it "names every library that lib/ requires from the standard library only" do
    required = (Dir["lib/**/*.rb"] - faces.keys).flat_map { |path| required_by(path) }.uniq

    expect(required - %w[proxy/proxy did_you_mean json ripper uri optparse fileutils monitor shellwords stringio
                         tempfile socket io/wait etc tmpdir ipaddr
                         digest])
      .to eq([])
  end

  it "requires other gems only in files for those who have them" do
    expect(faces.keys.to_h { |path| [path, required_by(path)] }).to eq(faces)
  end

  it "is made for every version of macOS where it is compiled on one" do
    script = <<~'RUBY'
      include Rake::DSL
      load "rakelib/native.rake"
      RbConfig::CONFIG["host_os"] = "darwin23"
      def (Gem::Platform).local = Gem::Platform.new("arm64-darwin-23")
      puts NativeGem.own_platform
    RUBY
    expect(IO.popen([RbConfig.ruby, "-rrake", "-e", script], &:read)).to eq("arm64-darwin\n")
  end
end
