# frozen_string_literal: true

CLOBBER.include("site", ".yardoc")

namespace :docs do
  desc "Write the tables of options into docs/reference.md"
  task :reference do
    require_relative "../lib/proxy/dsl"
    require_relative "../spec/reference_tables"
    File.write(ReferenceTables::PAGE, ReferenceTables.fill(File.read(ReferenceTables::PAGE)))
  end

  desc "Build the documentation's site into site/"
  task :site do
    sh "yard", "doc", "--quiet", "--fail-on-warning"
    puts "Open site/index.html"
  end
end
