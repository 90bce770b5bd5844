# frozen_string_literal: true

require "rbconfig"

# Where Ruby's make files are written.
module ProxyBuild
  # A Makefile with the targets and variables that RubyGems asks for. `folder` has extconf.rb.
  def self.makefile(folder)
    compile = [RbConfig.ruby, File.join(folder, "build", "compile.rb")].map { |word| quoted(word) }.join(" ")
    <<~MAKEFILE
      # Written by extconf.rb.
      DESTDIR =
      sitearchdir = #{RbConfig::CONFIG["sitearchdir"]}

      all:
      \t@#{compile} build

      install: all
      \t@#{compile} install "$(DESTDIR)$(sitearchdir)"

      clean distclean:
      \t@#{compile} clean

      .PHONY: all install clean distclean
    MAKEFILE
  end

  # A word for the shell that make runs. In a line of commands: anywhere else a # would begin a comment of make's.
  def self.quoted(word) = "'#{word.gsub("'", "'\\\\''").gsub("$", "$$")}'"
  private_class_method :quoted
end
