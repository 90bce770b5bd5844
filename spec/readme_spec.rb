# frozen_string_literal: true

require "open3"
require "rbconfig"
require "tmpdir"
require "support/certs"
require_relative "readme_tables"

RSpec.describe "README.md" do
  text = File.read("README.md")

  it "has the tables of all options, as the code has them (`rake readme` writes them)" do
    found = ReadmeTables.found(text)

    expect(found.keys).to contain_exactly("server", "proxy", "static_response", "redirect", "errors", "error_response", "filters",
                                          "location", "pool", "policies", "backend", "health_check", "certificate")
    found.each { |name, table| expect(table).to eq(ReadmeTables.table(name)) }
  end

  it "has a section for every word" do
    expect(text).to include(*%w[proxy upstream static_response redirect location].map { |word| "## `#{word}`" })
  end

  blocks = text.scan(/^```ruby\n(.*?)^```$/m).flatten
  programs, proxyfiles = blocks.partition { |block| block.include?('require "proxy"') }

  it "has Proxyfiles and programs" do
    expect([programs.length, proxyfiles.length]).to all(be >= 2)
  end

  certs = Certs.new
  after(:all) { certs.remove }

  # The files that Proxyfiles name.
  pems = { "site" => certs.server("www.example.com"), "admin" => certs.server("admin.example.com"), "ca" => certs.authority }

  proxyfiles.each_with_index do |block, index|
    it "shows a Proxyfile that is right (#{index + 1})" do
      Dir.mktmpdir do |directory|
        path = File.join(directory, "Proxyfile")
        File.write(path, block)
        FileUtils.mkdir(File.join(directory, "tls"))
        pems.each do |name, pair|
          FileUtils.cp(pair.certificate_file, File.join(directory, "tls", "#{name}.pem"))
          FileUtils.cp(pair.key_file, File.join(directory, "tls", "#{name}.key"))
        end
        expect(Proxy.check(path).map(&:to_s)).to eq([])
      end
    end
  end

  programs.each_with_index do |block, index|
    it "shows a program that runs, and the values that it has (#{index + 1})", :binding do
      # `expression  # => value` becomes a check where the value is not one of many.
      checked = block.gsub(/^(\S.*?) +# => (true: .*|".*")$/) do
        "raise #{$1.inspect} unless (#{$1}) == #{$2.start_with?("true") ? "true" : $2}"
      end
      output, status = Open3.capture2e(RbConfig.ruby, "-W", "-Ilib", "-e", checked)

      expect(status.success?).to be(true), output
    end
  end
end
