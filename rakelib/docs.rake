# frozen_string_literal: true

CLOBBER.include("site", ".yardoc")

# Adapts the pages for the site. In the repository the pages link to each other as files. In the site a page is
# `file.NAME.html`, and a file outside of the site (examples, benchmarks) becomes a name without a link.
module Site
  PAGES = ["README.md", "CHANGELOG.md", "LICENSE", *Dir["docs/*.md"]].to_h do |path|
    [path, path == "README.md" ? "index.html" : "file.#{File.basename(path, ".md")}.html"]
  end

  # On a small screen, wide tables and code lines scroll by themselves.
  STYLE = <<~CSS
    #main { min-width: 0; }
    #filecontents table { display: block; max-width: 100%; overflow-x: auto; }
    #filecontents td:first-child code { white-space: nowrap; }
    #filecontents pre.code { overflow-x: auto; }
    @media (max-width: 600px) {
      #filecontents code { overflow-wrap: anywhere; }
      #filecontents td code, #filecontents pre code { overflow-wrap: normal; }
      #toc { float: none; max-width: none; }
    }
  CSS

  def self.relink(html, folder)
    html.gsub(%r{<a href="(?!\w+:|/|#)([^"#]+(?<!\.html))(#[^"]*)?"[^>]*>(.*?)</a>}m) do
      page = PAGES[File.join(folder, $1).delete_prefix("./")]
      page ? %(<a href="#{page}#{$2}">#{$3}</a>) : $3
    end
  end
end

namespace :docs do
  desc "Write the tables of options into docs/reference.md (the engine, which is compiled before, says the defaults)"
  task :reference do
    $LOAD_PATH.unshift("lib")
    require_relative "../spec/reference_tables"
    File.write(ReferenceTables::PAGE, ReferenceTables.fill(File.read(ReferenceTables::PAGE)))
  end

  desc "Build the documentation's site into site/"
  task :site do
    rm_rf "site", verbose: false
    sh "yard", "doc", "--load", "rakelib/yard_words.rb", "--quiet", "--no-save", "--fail-on-warning", verbose: false
    Site::PAGES.each do |path, page|
      ["site/#{page}", ("site/file.README.html" if path == "README.md")].compact.each do |file|
        File.write(file, Site.relink(File.read(file), File.dirname(path)))
      end
    end
    File.write("site/css/common.css", Site::STYLE, mode: "a")
    puts "Open site/index.html"
  end
end
