# frozen_string_literal: true

# The program that the Makefile runs: `build`, `install FOLDER` and `clean`.

require "fileutils"

require_relative "progress"
require_relative "toolchain"
require_relative "trouble"

module ProxyBuild
  # Builds the extension with Cargo, in a folder that is removed afterwards.
  class Compile
    # Number of Cargo's last lines to show after a failure: earlier lines only say what was compiled.
    SHOWN = 40
    # The library's file name for Ruby.
    NAME = "proxy.#{RbConfig::CONFIG["DLEXT"]}"

    def initialize(environment = ENV)
      @environment = environment
      @toolchain = Toolchain.new(environment)
      @profile = environment.fetch("PROXY_PROFILE", "release")
    end

    # Compiles the extension. Earlier results are kept.
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
    # Also after an interrupt.
    ensure
      progress&.close
      clean unless built
    end

    # Moves the library to where Ruby finds it, and removes the build folder.
    #
    # RubyGems copies the content of `folder` to the gem's lib and also to a folder for extensions. To have the library
    # on disk only once, it goes directly to the gem's lib, where Proxy::Native looks first, and a link to it into
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

    # A folder that was given by the user is not removed.
    def clean
      FileUtils.rm_rf(folder) unless given?
    end

    private

    # Whether this is the temporary folder from which RubyGems copies to both places.
    def twice?(folder) = File.basename(folder).start_with?(".gem.") && Gem.install_extension_in_lib

    # Moves the library into place: a running process may have the old one mapped.
    def put(target)
      FileUtils.install(library, "#{target}.new", mode: 0o755)
      File.rename("#{target}.new", target)
    end

    # The build folder, on the disk of the installed gem: the build takes about 700 MB for a while, and /tmp may be
    # small.
    def folder =
      File.expand_path(@environment["CARGO_TARGET_DIR"] || File.join("ext", "proxy", "target"), given? ? "." : ROOT)

    def given? = @environment.key?("CARGO_TARGET_DIR")

    # If Cargo has a target set, its output has one more level of folders.
    def library
      profile = @profile == "dev" ? "debug" : @profile
      made = Dir.glob("{,*/}#{profile}/libproxy.{so,dylib}", base: folder).map { |path| File.join(folder, path) }
      made.max_by { |path| File.mtime(path) } or abort "proxy: Cargo left no library in #{File.join(folder, profile)}"
    end

    # Runs Cargo and yields each line of its output.
    def run_cargo
      command = [@toolchain.cargo, "build", "--locked", "--package", "proxy", "--profile", @profile, "--target-dir",
                 folder]
      IO.popen([variables, *command, { err: %i[child out], chdir: ROOT }]) do |output|
        output.each_line { |line| yield line.scrub.chomp }
      end
      $?
    end

    def variables
      # Make's variables are removed: with them Cargo would limit its parallel jobs to those of make.
      variables = { "MAKEFLAGS" => nil, "CARGO_MAKEFLAGS" => nil, "MFLAGS" => nil, "RUBY" => RbConfig.ruby,
                    "CARGO_TERM_COLOR" => "never", "CARGO_TERM_PROGRESS_WHEN" => "never" }
      variables["CARGO_HOME"] = File.join(folder, "cargo") unless @environment["CARGO_HOME"] || home?
      variables
    end

    # Whether Cargo has a folder for downloads.
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
