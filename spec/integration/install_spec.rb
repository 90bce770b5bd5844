# frozen_string_literal: true

require "open3"
require "tmpdir"

# Building the gem where it is installed: what is said when that cannot be, by the scripts that RubyGems runs.
RSpec.describe "installing the gem from its sources" do
  around { |example| Dir.mktmpdir { |folder| example.run(@folder = folder) } }

  let(:path) { File.join(@folder, "path").tap { |path| Dir.mkdir(path) } }
  let(:home) { File.join(@folder, "home").tap { |home| Dir.mkdir(home) } }

  # A program that is there.
  def with(name) = File.symlink(which(name), File.join(path, name))

  def which(name) =
    ENV["PATH"].split(":").map { |folder| File.join(folder, name) }.find { |path| File.executable?(path) }

  # A program of another version, or one that fails.
  def with_script(name, script)
    File.write(File.join(path, name), "#!/bin/sh\n#{script}\n")
    File.chmod(0o755, File.join(path, name))
  end

  def run(script, *arguments, **environment)
    variables = { "PATH" => path, "HOME" => home }.merge(environment.transform_keys(&:to_s))
    Open3.capture2e(variables, RbConfig.ruby, "-C", @folder, File.expand_path("ext/proxy/#{script}.rb"), *arguments,
                    unsetenv_others: true)
  end

  def compile(**environment) =
    run("build/compile", "build", CARGO_TARGET_DIR: File.join(@folder, "target"), CI: "1", **environment)

  describe "extconf.rb" do
    before { with("cc") }

    it "says how to get Rust" do
      output, status = run("extconf")

      expect(status).not_to be_success
      expect(output).to include("proxy: Rust is missing, which the gem is compiled with. Get Rust 1.88 or newer:\n  " \
                                "curl ",
                                "sh.rustup.rs | sh -s -- -y\nand install the gem again.",
                                "Or install the gem compiled for your platform")
      expect(File).not_to exist(File.join(@folder, "Makefile"))
    end

    it "says that Rust is too old" do
      %w[cargo rustc].each { |name| with_script(name, "echo #{name} 1.70.0 '(aaaaaaaaa 2023-05-31)'") }
      output, status = run("extconf")

      expect(status).not_to be_success
      expect(output).to include("proxy: Rust 1.70.0 is too old: the gem needs 1.88 or newer. Get Rust 1.88 or " \
                                "newer:\n  curl ")
    end

    it "says how to bring a Rust of rustup up to date" do
      %w[cargo rustc rustup].each { |name| with_script(name, "echo #{name} 1.87.0") }

      expect(run("extconf").first).to include("proxy: Rust 1.87.0 is too old: the gem needs 1.88 or newer. Run: " \
                                              "rustup update stable")
    end

    it "says what a rustup without a toolchain says" do
      %w[cargo rustc].each { |name|
        with_script(name, "echo 'error: rustup could not choose a version of rustc to run' >&2; exit 1")
      }

      expect(run("extconf").first).to include("rustc does not run (error: rustup could not choose a version of rustc " \
                                              "to run). Get Rust")
    end

    it "says how to get a C compiler" do
      File.unlink(File.join(path, "cc"))
      %w[cargo rustc].each { |name| with_script(name, "echo #{name} 1.90.0") }
      output, status = run("extconf")

      expect(status).not_to be_success
      expect(output).to include("proxy: a C compiler is missing. Get one:\n  apt-get install gcc libc6-dev make")
    end

    it "finds Rust in the user's folder, also where nothing says which that is" do
      FileUtils.mkdir_p(File.join(home, ".cargo/bin"))
      %w[cargo rustc].each do |name|
        with_script(name, "echo #{name} 1.90.0")
        File.rename(File.join(path, name), File.join(home, ".cargo/bin", name))
      end
      output, status = run("extconf")

      expect(output).to eq("Building with cargo 1.90.0, rustc 1.90.0\n")
      expect(status).to be_success
      require_relative "../../ext/proxy/build/toolchain"
      expect(ProxyBuild::Toolchain.new({}).home).to eq(Etc.getpwuid.dir)
    end

    it "builds for a user whom the system does not know, as containers have them" do
      require_relative "../../ext/proxy/build/toolchain"
      allow(Etc).to receive(:getpwuid).and_raise(ArgumentError, "can't find user for 12345")
      expect(ProxyBuild::Toolchain.new({}).home).to be_nil
      expect(ProxyBuild::Toolchain.new({ "PATH" => path }).cargo).to be_nil
    end

    it "writes a Makefile for what RubyGems asks of it" do
      %w[cargo rustc].each { |name| with_script(name, "echo #{name} 1.90.0") }
      run("extconf")

      expect(Open3.capture2e("make", "--dry-run", "DESTDIR=", "sitearchdir=/there", "sitelibdir=/there", "clean",
                             "install",
                             chdir: @folder).first).to match(%r{/build/compile.rb' clean\n.*/build/compile.rb' build\n.*install "/there"\n\z})
    end
  end

  describe "the build" do
    # Cargo itself, with nothing that it has downloaded.
    it "says that crates.io cannot be reached" do
      rustc = Open3.capture2("rustc", "--print", "sysroot").first.strip
      %w[cargo rustc].each { |name| File.symlink(File.join(rustc, "bin", name), File.join(path, name)) }
      output, status =
        compile(CARGO_NET_RETRY: "0", https_proxy: "http://127.0.0.1:1", CARGO_HOME: File.join(@folder, "cargo"))

      expect(status).not_to be_success
      expect(output).to include("proxy: crates.io cannot be reached, from where Cargo gets what the gem is made of.")
    end

    {
      "libclang is missing" =>
        ["Unable to find libclang: \"couldn't find any valid shared libraries matching: ['libclang.so']\"",
         "proxy: libclang is missing, which reads Ruby's headers. Get it:\n  apt-get install " \
         "libclang-dev "],
      "the disk is full" => ["error: No space left on device (os error 28)", "proxy: the disk is full"],
      "memory is short" =>
        ["process didn't exit successfully: `rustc` (signal: 9, SIGKILL: kill)", "proxy: the system ended the " \
          "compiler"],
      "it is something else" =>
        ["error[E0425]: cannot find value", "proxy: Cargo could not build the extension. What it said is above."]
    }.each do |what, (said, explained)|
      it "says that #{what}, after the last lines of Cargo" do
        with_script("cargo", "for i in $(seq 100); do echo Compiling crate-$i; done; cat >&2 <<'SAID'\n#{said}\n" \
                             "SAID\nexit 101")
        %w[cat seq].each { |name| with(name) }
        output, status = compile

        expect(status.exitstatus).to eq(1)
        expect(output).to include(said, explained)
        expect(output.scan("Compiling").length).to be < 41
      end
    end
  end

  describe "in a folder of any name" do
    let(:root) { File.join(@folder, "it's [a] \"gem\" #1 {$HOME}") }
    let(:scripts) { File.join(root, "ext/proxy") }

    before do
      FileUtils.mkdir_p(scripts)
      FileUtils.cp(%w[Cargo.toml Cargo.lock], root)
      FileUtils.cp_r(%w[ext/proxy/extconf.rb ext/proxy/build], scripts)
      %w[mkdir touch sleep cc sh].each { |name| with(name) }
      with_script("rustc", "echo rustc 1.90.0")
    end

    # A Cargo that says what it does, and does no more than the rest of the script.
    def with_cargo(script)
      with_script("cargo", <<~SH)
        [ "$1" = --version ] && echo cargo 1.90.0 && exit 0
        while [ "$1" != --target-dir ]; do shift; done
        mkdir -p "$2"
        echo "   Compiling proxy v0.1.0 (/home/josé)"
        #{script}
      SH
    end

    def variables(**more) = { "PATH" => path, "HOME" => home, "CI" => "1" }.merge(more.transform_keys(&:to_s))

    def make(*targets, **more)
      Open3.capture2e(variables(**more), RbConfig.ruby, "extconf.rb", chdir: scripts, unsetenv_others: true)
      Open3.capture2e(variables(**more), which("make"), "DESTDIR=", "sitearchdir=./.gem.1", *targets, chdir: scripts,
                      unsetenv_others: true)
    end

    def installed = Dir.children(File.join(scripts, ".gem.1/proxy"))

    it "builds, puts the library where RubyGems wants it, and leaves nothing else" do
      with_cargo('mkdir -p "$2/release" && touch "$2/release/libproxy.so"')
      output, status = make("clean", "all", "install")

      expect(output).to eq("")
      expect(status).to be_success
      expect(installed).to eq(["proxy.#{RbConfig::CONFIG["DLEXT"]}"])
      expect(Dir.children(scripts)).to contain_exactly("extconf.rb", "build", "Makefile", ".gem.1")
    end

    it "finds the library where Cargo is told a target, and in a folder that is named from here" do
      with_cargo('mkdir -p "$2/x86_64-unknown-linux-musl/release" && touch ' \
                 '"$2/x86_64-unknown-linux-musl/release/libproxy.so"')

      expect(make("install", CARGO_TARGET_DIR: "here").last).to be_success
      expect(installed).to eq(["proxy.#{RbConfig::CONFIG["DLEXT"]}"])
      expect(Dir.exist?(File.join(scripts, "here"))).to be(true)
    end

    it "leaves nothing behind where Cargo fails or somebody interrupts it" do
      with_cargo("exit 101")
      expect(make("all").last).not_to be_success
      expect(Dir.children(scripts)).to contain_exactly("extconf.rb", "build", "Makefile")

      with_cargo("exec sleep 60")
      compile = spawn(variables, RbConfig.ruby, "build/compile.rb", "build", chdir: scripts, unsetenv_others: true,
                      pgroup: true, err: IO::NULL)
      sleep 0.02 until Dir.exist?(File.join(scripts, "target"))
      Process.kill(:INT, -compile)
      Process.wait(compile)
      expect(Dir.children(scripts)).to contain_exactly("extconf.rb", "build", "Makefile")
    end
  end
end
