# frozen_string_literal: true

require "fileutils"

# The gem for one platform, which is installed in seconds: no Rust and no compiler is needed there. RELEASING.md has all
# platforms.
#
# Libraries of other versions of Ruby come from NATIVE_LIBRARIES, a folder with VERSION/proxy.so (3.3/proxy.so) for
# each, as this task leaves them in pkg/native/PLATFORM. NATIVE_PLATFORM names another platform than this one's; then
# all of them come from there. NATIVE_LIBRARY is the library for this Ruby where it is already compiled.
module NativeGem
  module_function

  def platform = Gem::Platform.new(ENV["NATIVE_PLATFORM"] || own_platform)

  # What Ruby calls a library there.
  def extension = platform.os == "darwin" ? "bundle" : "so"

  # RubyGems from 3.3.22 on tells the GNU system's C library from musl.
  def own_platform
    host = RbConfig::CONFIG["host_os"]
    # With the number of its version, a gem would be for that version of macOS alone.
    return "#{Gem::Platform.local.cpu}-darwin" if host.start_with?("darwin")
    return Gem::Platform.local.to_s unless host.start_with?("linux")

    "#{RbConfig::CONFIG["host_cpu"]}-linux-#{host.include?("musl") ? "musl" : "gnu"}"
  end

  def folder = File.join("pkg", "native", platform.to_s)

  # Takes the library that `rake compile` has made, without what only a debugger reads.
  def take(library)
    target = File.join(folder, RUBY_VERSION[/\A\d+\.\d+/], "proxy.#{extension}")
    FileUtils.mkdir_p(File.dirname(target))
    FileUtils.cp(library, target)
    system("strip", RUBY_PLATFORM.include?("darwin") ? "-x" : "--strip-unneeded", target, exception: true)
  end

  def take_others(from)
    Dir[File.join(from, "*", "proxy.*")].each do |path|
      target = File.join(folder, File.basename(File.dirname(path)), File.basename(path))
      next if File.identical?(path, target)

      FileUtils.mkdir_p(File.dirname(target))
      FileUtils.cp(path, target)
    end
  end

  # The versions of Ruby whose libraries are there, the oldest first.
  def versions = Dir.children(folder).grep(/\A\d+\.\d+\z/).sort_by { |version| Gem::Version.new(version) }

  def specification
    Gem::Specification.load("proxy.gemspec").dup.tap do |spec|
      spec.platform = platform
      spec.extensions = []
      spec.files = spec.files.grep_v(%r{\Aext/|\ACargo\.})
      spec.files += versions.map { |version| File.join("lib/proxy", version, "proxy.#{extension}") }
      after_last = versions.last.split(".").then { |major, minor| "#{major}.#{minor.to_i + 1}" }
      spec.required_ruby_version = [">= #{versions.first}", "< #{after_last}.dev"]
    end
  end

  # Every version in between has to be there: RubyGems is told only the first and the last.
  def complain_of_gaps
    first, last = versions.minmax_by { |version| Gem::Version.new(version) }.map do |version|
      version.split(".").map(&:to_i)
    end
    missing = first[0] == last[0] ? (first[1]..last[1]).map { |minor| "#{first[0]}.#{minor}" } - versions : []
    abort "no library for Ruby #{missing.join(", ")}: put it into #{folder}" unless missing.empty?
  end

  # RubyGems packs what it finds by the names of the files: the gem is put together in a folder of its own.
  def build
    stage = File.join("pkg", "stage")
    FileUtils.rm_rf(stage)
    spec = specification
    spec.files.each do |path|
      source = path[%r{\Alib/proxy/(\d+\.\d+/.+)\z}, 1]&.then { |name| File.join(folder, name) } || path
      FileUtils.mkdir_p(File.dirname(File.join(stage, path)))
      FileUtils.cp(source, File.join(stage, path))
    end
    require "rubygems/package"
    built = Dir.chdir(stage) { File.expand_path(Gem::Package.build(spec)) }
    FileUtils.mv(built, "pkg")
    FileUtils.rm_rf(stage)
    puts "pkg/#{File.basename(built)}: " \
         "Ruby #{versions.join(", ")}, #{File.size("pkg/#{File.basename(built)}") / 1_000_000.0} MB"
  end
end

namespace :gem do
  desc "Build the gem for this platform, compiled (PROXY_PROFILE=dev for a debug build)"
  task native: (ENV["NATIVE_PLATFORM"] || ENV["NATIVE_LIBRARY"] ? [] : [:compile]) do
    NativeGem.take(ENV.fetch("NATIVE_LIBRARY", LIBRARY)) unless ENV["NATIVE_PLATFORM"]
    NativeGem.take_others(ENV["NATIVE_LIBRARIES"]) if ENV["NATIVE_LIBRARIES"]
    abort "no library in #{NativeGem.folder}" unless File.directory?(NativeGem.folder) && NativeGem.versions.any?
    NativeGem.complain_of_gaps
    NativeGem.build
  end
end
