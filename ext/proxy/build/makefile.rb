# frozen_string_literal: true

require "rbconfig"

# Writes the Makefile.
module ProxyBuild
  # A Makefile with the targets and variables that RubyGems uses. `folder` is the folder of extconf.rb.
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

  # A quoted word for the shell that make runs. Only for command lines: elsewhere a # would begin a comment of make.
  def self.quoted(word) = "'#{word.gsub("'", "'\\\\''").gsub("$", "$$")}'"
  private_class_method :quoted
end
