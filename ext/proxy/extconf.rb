# frozen_string_literal: true

# What RubyGems and Bundler run to build the extension: looks for what that takes, and writes a Makefile that has Cargo
# do it.

require_relative "build/toolchain"
require_relative "build/makefile"

toolchain = ProxyBuild::Toolchain.new
missing = toolchain.missing
unless missing.empty?
  warn "", *missing, ""
  exit 1
end
puts "Building with #{toolchain.versions}"
File.write("Makefile", ProxyBuild.makefile(__dir__))
