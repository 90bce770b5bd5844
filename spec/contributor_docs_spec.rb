# frozen_string_literal: true

require "support/page"

# The documentation for contributors names files and modules, which may be renamed.
RSpec.describe "the documentation for contributors" do
  roots = ["", "ext/engine/src/", "ext/http/src/", "bench/"]
  # Exceptions: placeholders (names in capitals, `foo`, `mod.rs`), and files that a build or an installation makes.
  path = %r{\A(?!foo|mod\.rs|tmp/|pkg/|/|lib/proxy(?:/[\d.]+|/proxy)?/?(?:proxy)?\.so|3\.\d/)[\w.*-]+(?:/[\w.*-]+)*/?\z}

  %w[ARCHITECTURE.md CONTRIBUTING.md SECURITY.md RELEASING.md bench/README.md].each do |name|
    page = Page.new(name)

    it "names files that are there in #{name}" do
      named = page.prose.scan(/`([^`\n]+)`/).flatten.map { |text| text[/\A[^:\s]+/] }.grep(path)
      files = named.select { |text| text.include?("/") || text.end_with?(".rs", ".rb", ".md") }
      files.reject! { |text| text.match?(/[A-Z]{4}/) && !text.match?(/\A[A-Z]+\.md\z/) }
      missing = files.reject { |file| roots.any? { |root| Dir[root + file].any? } }

      expect(files).not_to be_empty unless name == "SECURITY.md"
      expect(missing).to eq([])
    end

    it "links to what is there in #{name}" do
      page.links.grep_v(/\Ahttps?:/).each do |link|
        file, anchor = link.split("#")
        target = file.to_s.empty? ? name : File.join(File.dirname(name), file).delete_prefix("./")
        expect(File).to exist(target), link
        expect(Page.new(target).anchors).to include(anchor), link if anchor
      end
    end
  end

  it "names the modules of the engine in the order of its layers" do
    layers = File.read("ARCHITECTURE.md")[/^## Layers\n.*?(?=^## )/m].scan(/^\|[^|]+\|([^|]+)\|$/).flatten
    modules = File.read("ext/engine/src/lib.rs").scan(/^(?:pub )?mod (\w+);/).flatten
    modules -= %w[fuzzing tests]

    expect(layers.flat_map { |cell| cell.scan(/`(\w+)`/) }.flatten).to eq(modules)
  end
end
