# frozen_string_literal: true

require "etc"
require "rbconfig"

# Builds the extension when the gem is installed. It needs Ruby, Rust and a C compiler, but no other gem.
module ProxyBuild
  # The folder of Cargo.toml. Its `rust-version` is the oldest Rust that compiles the gem.
  ROOT = File.expand_path("../../..", __dir__)

  # Advice to use a compiled gem, if there is one for the platform.
  INSTEAD = "Or install the gem compiled for your platform, if there is one: gem update --system && gem install proxy"

  # Looks for Rust, a C compiler and Ruby's headers, and explains how to install missing ones.
  class Toolchain
    RUSTUP = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"

    def initialize(environment = ENV)
      @environment = environment
    end

    # Path of the command `cargo`, or nil.
    def cargo = @cargo ||= @environment["CARGO"] || find("cargo")

    # Messages about missing tools; empty if nothing is missing.
    def missing
      [missing_rust, missing_compiler, missing_headers].compact.then { |lines| lines.empty? ? lines : lines << INSTEAD }
    end

    def versions = [version_line(cargo), version_line(rustc)].join(", ")

    # Version of the oldest Rust that compiles the gem, such as "1.88".
    def self.oldest
      File.read(File.join(ROOT, "Cargo.toml"), encoding: "UTF-8")[/^rust-version = "(.+?)"/,
                                                                  1] or raise "Cargo.toml names no rust-version"
    end

    # The user's home folder, even if HOME is not set, as in a service or a container; nil for a user that the system
    # does not know.
    def home
      @home ||= @environment["HOME"] || Etc.getpwuid(Process.uid)&.dir
    rescue ArgumentError
      nil
    end

    private

    # Path of the compiler that this cargo uses.
    def rustc
      @environment["RUSTC"] || [File.join(File.dirname(cargo), "rustc")].find { |path| File.executable?(path) } ||
        find("rustc") || "rustc"
    end

    def missing_rust
      return "proxy: Rust is missing, which the gem is compiled with. #{get_rust}" unless cargo

      line = version_line(rustc)
      version = line[/\d+\.\d+(\.\d+)?/]
      return "proxy: #{rustc} does not run (#{line}). #{get_rust}" unless version
      return if Gem::Version.new(version) >= Gem::Version.new(Toolchain.oldest)

      "proxy: Rust #{version} is too old: the gem needs #{Toolchain.oldest} or " \
      "newer. #{rustup? ? "Run: rustup update stable" : get_rust}"
    end

    def get_rust = "Get Rust #{Toolchain.oldest} or newer:\n  #{RUSTUP}\nand install the gem again."

    def rustup? = !find("rustup").nil?

    def missing_compiler
      return if find(@environment["CC"]&.split&.first || "cc") || find("gcc") || find("clang")

      "proxy: a C compiler is missing. Get one:\n  #{packages("gcc libc6-dev make", "gcc musl-dev make", "gcc make")}"
    end

    def missing_headers
      return if File.exist?(File.join(RbConfig::CONFIG["rubyhdrdir"].to_s, "ruby.h"))

      "proxy: Ruby's headers are missing. Get them:\n  #{packages("ruby-dev", "ruby-dev", "ruby-devel")}"
    end

    def packages(debian, alpine, fedora)
      return "xcode-select --install" if RbConfig::CONFIG["host_os"].include?("darwin")
      return "apk add #{alpine}" if find("apk")
      return "dnf install #{fedora}" if find("dnf")

      "apt-get install #{debian}"
    end

    def version_line(command)
      IO.popen([command, "--version", { err: %i[child out] }], &:read).scrub.lines.first.to_s.strip
    rescue SystemCallError => error
      error.message
    end

    def find(name)
      return (name if File.executable?(name)) if name.include?("/")

      folders = @environment.fetch("PATH", "").split(File::PATH_SEPARATOR)
      folders += [@environment["CARGO_HOME"], home && File.join(home, ".cargo")].compact.map do |folder|
        File.join(folder, "bin")
      end
      folders.map { |folder| File.join(folder, name) }.find { |path| File.file?(path) && File.executable?(path) }
    end
  end
end
