# frozen_string_literal: true

require "fileutils"

# Builds the gem for one platform, which is installed in seconds, without Rust and compiler. RELEASING.md lists all
# platforms.
#
# NATIVE_LIBRARIES is a folder with the libraries of other versions of Ruby, each as VERSION/proxy.so (3.3/proxy.so);
# this task leaves them like that in pkg/native/PLATFORM. NATIVE_PLATFORM names a platform other than this machine's;
# then all libraries come from that folder. NATIVE_LIBRARY is the library for this Ruby, if it is already compiled.
module NativeGem
  module_function

  def platform = Gem::Platform.new(ENV["NATIVE_PLATFORM"] || own_platform)

  # File extension of a library on the platform.
  def extension = platform.os == "darwin" ? "bundle" : "so"

  # The platform of this machine. RubyGems 3.3.22 and later distinguish glibc from musl.
  def own_platform
    host = RbConfig::CONFIG["host_os"]
    # Without the version number: with it, the gem would be for that version of macOS only.
    return "#{Gem::Platform.local.cpu}-darwin" if host.start_with?("darwin")
    return Gem::Platform.local.to_s unless host.start_with?("linux")

    "#{RbConfig::CONFIG["host_cpu"]}-linux-#{host.include?("musl") ? "musl" : "gnu"}"
  end

  def folder = File.join("pkg", "native", platform.to_s)

  # Takes the library that `rake compile` has made, without debug symbols.
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

  # Versions of Ruby with a library, the oldest first.
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

  # Fails if a version between the first and the last is missing: RubyGems gets only these two as a range.
  def complain_of_gaps
    first, last = versions.minmax_by { |version| Gem::Version.new(version) }.map do |version|
      version.split(".").map(&:to_i)
    end
    missing = first[0] == last[0] ? (first[1]..last[1]).map { |minor| "#{first[0]}.#{minor}" } - versions : []
    abort "no library for Ruby #{missing.join(", ")}: put it into #{folder}" unless missing.empty?
  end

  # Builds the gem in a separate folder, since RubyGems packs files by name.
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
