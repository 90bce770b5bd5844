# frozen_string_literal: true

module ProxyBuild
  # A progress line on the terminal: RubyGems hides the output of a build, and this build takes minutes. Without a
  # terminal, and in continuous integration, nothing is printed.
  class Progress
    def initialize(environment = ENV)
      @terminal = environment["CI"] ? nil : terminal
      @crates = 0
      @all = File.read(File.join(ROOT, "Cargo.lock"), encoding: "UTF-8").scan(/^\[\[package\]\]/).length
      @begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def note(line)
      case line
      when /^\s*Compiling (\S+)/
        @crates += 1
        say "compiling #{$1}, crate #{@crates} of at most #{@all}"
      when /^\s*(Downloading|Updating|Fetch)/ then say "downloading crates"
      end
    end

    def close
      return unless @terminal

      @terminal.print("\r\e[K")
      @terminal.close
    end

    private

    def say(what)
      seconds = (Process.clock_gettime(Process::CLOCK_MONOTONIC) - @begun).round
      @terminal&.print("\r\e[Kproxy: #{what} (#{seconds} s; it takes some minutes)")
    rescue SystemCallError
      @terminal = nil
    end

    def terminal
      File.open("/dev/tty", "w").tap { |file| file.sync = true }
    rescue SystemCallError
      nil
    end
  end
end
