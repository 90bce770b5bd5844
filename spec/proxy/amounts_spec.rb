# frozen_string_literal: true

require "json"
require "proxy/cli"

RSpec.describe "Proxy::CLI::Amounts" do
  amounts = Proxy::CLI::Amounts
  hostile = "a\u202Eb\e[31m\u009Bc\u200Fd\u{E0041}\u2028\u00ADe"

  it "shows text of others as one line, or as its lines, without what nobody sees" do
    expect(amounts.on_one_line("#{hostile}\nf")).to eq("a b [31m c d e f")
    expect(amounts.on_lines("  #{hostile}\nf\n")).to eq("  a b [31m c d e\nf\n")
  end

  it "shows JSON that means the same" do
    facts = { "path" => hostile, "é" => ["😀", "\n\u0085"] }
    [JSON.generate(facts), JSON.pretty_generate(facts)].each do |text|
      shown = amounts.json(text)
      expect(JSON.parse(shown)).to eq(facts)
      expect(shown.delete("\n")).not_to match(/[\p{Cc}\p{Cf}\p{Zl}]/)
      expect(shown.lines.length).to eq(text.lines.length)
    end
  end

  it "is what `proxy logs` prints of a path" do
    line = Proxy::CLI::Logs.const_get(:Line).new({ status: 404, method: "GET", host: "a", path: "/#{hostile}" })
    expect(line.to_s).to include("GET a/a b [31m c d e")
  end
end
