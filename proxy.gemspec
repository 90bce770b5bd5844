# frozen_string_literal: true

require_relative "lib/proxy/version"

Gem::Specification.new do |spec|
  spec.name = "proxy"
  spec.version = Proxy::VERSION
  spec.authors = ["The proxy gem's authors"]
  spec.summary = "A reverse proxy whose configuration is Ruby and whose engine is Rust"
  spec.description = <<~TEXT.tr("\n", " ").strip
    Forwards HTTP traffic to your backends, with load balancing, failover, string rewrites, timeouts and error pages of your own.
    It is configured by a Proxyfile in plain Ruby, from the command line or from inside a Ruby program, and requests are served on native
    threads that never take Ruby's global lock.
  TEXT
  spec.license = "MIT"
  home = "https://github.com/proxy-gem/proxy"
  spec.homepage = home
  spec.metadata = {
    "rubygems_mfa_required" => "true",
    "homepage_uri" => home,
    "source_code_uri" => "#{home}/tree/v#{spec.version}",
    "changelog_uri" => "#{home}/blob/v#{spec.version}/CHANGELOG.md",
    "bug_tracker_uri" => "#{home}/issues",
    "documentation_uri" => "#{home}/tree/v#{spec.version}/docs"
  }

  spec.required_ruby_version = ">= 3.1"

  spec.extensions = ["ext/proxy/extconf.rb"]
  # The whole workspace, so that the extension is built with the locked dependencies, and no tests.
  spec.files = Dir.chdir(__dir__) do
    Dir[
      "{lib,sig}/**/*.{rb,rbs}", "lib/proxy/cli/template/*", "exe/*", "examples/**/*",
      "ext/*/Cargo.toml", "ext/*/src/**/*.rs", "ext/proxy/{extconf,build/*}.rb",
      "Cargo.toml", "Cargo.lock", "README.md", "docs/*.md", ".yardopts", "CHANGELOG.md", "LICENSE"
    ].select { |path| File.file?(path) }.grep_v(%r{\Aext/.*/tests(\.rs|/)})
  end
  spec.bindir = "exe"
  spec.executables = ["proxy"]
  spec.require_paths = ["lib"]
end
