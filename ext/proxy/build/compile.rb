# frozen_string_literal: true

# What the Makefile runs: `build`, `install FOLDER` and `clean`.

require "fileutils"

require_relative "progress"
require_relative "toolchain"
require_relative "trouble"

module ProxyBuild
  # Cargo's build of the extension, in a folder that is gone afterwards.
  class Compile
    # How many of Cargo's last lines are shown when it fails: those before say what was compiled.
    SHOWN = 40
    # As Ruby asks for it.
    NAME = "proxy.#{RbConfig::CONFIG["DLEXT"]}"

    def initialize(environment = ENV)
      @environment = environment
      @toolchain = Toolchain.new(environment)
      @profile = environment.fetch("PROXY_PROFILE", "release")
    end

    # Compiles; what was compiled already stays.
    def build
      last = []
      progress = Progress.new(@environment)
      status = run_cargo do |line|
        progress.note(line)
        last << line
        last.shift if last.length > SHOWN
      end
      return built = true if status.success?

      warn "", *last, "", Trouble.explain(last.join("\n")) || Trouble::UNKNOWN, INSTEAD, ""
      exit 1
    # Also when somebody interrupts it.
    ensure
      progress&.close
      clean unless built
    end

    # Puts the library where Ruby finds it, and removes what is left of the build.
    #
    # RubyGems takes what it finds in `folder` to the gem's lib and, once more, to a folder for extensions. So that the
    # library is on the disk once, it goes to the gem's lib itself, where Proxy::Native looks first, and a link into
    # `folder`.
    def install(folder)
      target = File.join(folder, "proxy", NAME)
      FileUtils.mkdir_p(File.dirname(target))
      if twice?(folder)
        own = File.join(ROOT, "lib", "proxy", RUBY_VERSION[/\A\d+\.\d+/], NAME)
        FileUtils.mkdir_p(File.dirname(own))
        put(own)
        FileUtils.ln_sf(own, target)
      else
        put(target)
      end
      clean
    end

    # A folder that was given is its owner's.
    def clean
      FileUtils.rm_rf(folder) unless given?
    end

    private

    # Whether this is where RubyGems has it put before it takes it to both places.
    def twice?(folder) = File.basename(folder).start_with?(".gem.") && Gem.install_extension_in_lib

    # A process that has an old one mapped keeps it.
    def put(target)
      FileUtils.install(library, "#{target}.new", mode: 0o755)
      File.rename("#{target}.new", target)
    end

    # On the disk that the gem is installed on: /tmp may be small, and the build takes some 700 MB for a while.
    def folder =
      File.expand_path(@environment["CARGO_TARGET_DIR"] || File.join("ext", "proxy", "target"), given? ? "." : ROOT)

    def given? = @environment.key?("CARGO_TARGET_DIR")

    # Where Cargo is told a target, there is a folder of it in between.
    def library
      profile = @profile == "dev" ? "debug" : @profile
      made = Dir.glob("{,*/}#{profile}/libproxy.{so,dylib}", base: folder).map { |path| File.join(folder, path) }
      made.max_by { |path| File.mtime(path) } or abort "proxy: Cargo left no library in #{File.join(folder, profile)}"
    end

    # Each line that Cargo says is given to the block.
    def run_cargo
      command = [@toolchain.cargo, "build", "--locked", "--package", "proxy", "--profile", @profile, "--target-dir",
                 folder]
      IO.popen([variables, *command, { err: %i[child out], chdir: ROOT }]) do |output|
        output.each_line { |line| yield line.scrub.chomp }
      end
      $?
    end

    def variables
      # Make's own: Cargo would do no more at once than make was told to.
      variables = { "MAKEFLAGS" => nil, "CARGO_MAKEFLAGS" => nil, "MFLAGS" => nil, "RUBY" => RbConfig.ruby,
                    "CARGO_TERM_COLOR" => "never", "CARGO_TERM_PROGRESS_WHEN" => "never" }
      variables["CARGO_HOME"] = File.join(folder, "cargo") unless @environment["CARGO_HOME"] || home?
      variables
    end

    # Whether Cargo has a place for what it downloads.
    def home?
      home = @toolchain.home
      home && File.directory?(home) && File.writable?(home)
    end
  end
end

if $PROGRAM_NAME == __FILE__
  compile = ProxyBuild::Compile.new
  case ARGV
  in ["build"] then compile.build
  in ["install", folder] then compile.install(folder)
  in ["clean"] then compile.clean
  end
end
