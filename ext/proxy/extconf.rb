# frozen_string_literal: true

# RubyGems and Bundler run this to build the extension: it looks for the necessary tools and writes a Makefile that
# calls Cargo.

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
