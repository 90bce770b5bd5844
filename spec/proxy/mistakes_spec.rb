# frozen_string_literal: true

require_relative "proxyfiles"

# A Proxyfile of a table, with what is expected of it.
Mistake = Struct.new(:source, :expected)

# What people write, and what they are told: the tables in `mistakes/` have a Proxyfile, every line that is printed of
# it, and of each line the part that is the remedy. A Proxyfile without such lines is right, and nothing may be said of
# it.
RSpec.describe "mistakes in a Proxyfile", :wrong_types do
  include Proxyfiles

  # The Proxyfiles of a table. `>> error 3 proxy: …` is a problem with its line (`-`: the whole file), `>> = …` its
  # remedy.
  def self.table(path)
    File.read(path, encoding: "UTF-8").split(/^----\n/).drop(1).map do |text|
      source, expected = text.lines(chomp: true).partition { |line| !line.start_with?(">> ") }
      Mistake.new("#{source.join("\n")}\n",
                  expected.each_slice(2).map do |told, remedy|
                    [told.delete_prefix(">> "), remedy.delete_prefix(">> = ")]
                  end)
    end
  end

  # The files that some of them name.
  before do
    write("public/502.html", "<h1>Bad gateway</h1>")
    write("public/503.html", "<h1>Down</h1>")
    FileUtils.mkdir_p("#{directory}/sites")
  end

  # As it is printed, but for the folder, which is another one each time.
  def found(source)
    File.write("#{directory}/Proxyfile", source)
    problems = Dir.chdir(directory) { Proxy.check("Proxyfile") }
    problems.map do |problem|
      told = [problem.directive, problem.message].reject { |part| part.to_s.empty? }.join(": ")
      ["#{problem.severity} #{problem.line || "-"} #{told}", problem.remedy.to_s].map do |text|
        text.gsub(directory, "DIRECTORY")
      end
    end
  end

  tables = Dir["#{__dir__}/mistakes/*.txt"].sort.to_h { |path| [File.basename(path, ".txt"), table(path)] }

  tables.each do |name, mistakes|
    describe name do
      mistakes.each_with_index do |mistake, index|
        does = mistake.expected.empty? ? "says nothing of" : "explains"
        it "#{does} #{mistake.source.lines(chomp: true).first.inspect} (#{index + 1})" do
          expect(found(mistake.source)).to eq(mistake.expected)
        end
      end
    end
  end

  it "are many, none of them silent or without a remedy" do
    wrong = tables.except("right").values.flatten

    expect(wrong.length).to be >= 120
    expect(wrong.flat_map(&:expected).map(&:last)).to all(match(/\w/))
    expect(wrong.map(&:expected)).to all(be_any)
    expect(tables.fetch("right").map(&:expected)).to all(be_empty)
  end

  it "are told without a list of all that there is" do
    lines = tables.values.flatten.flat_map(&:expected).map(&:first)

    expect(lines.grep(/the (directives|options) are/)).to eq([])
    expect(lines.grep(/lib\/proxy|\.rb:\d+:in/)).to eq([])
  end

  it "may be several in one file, all of which are told by line" do
    expect(found("threads \"4\"\nproxy_pass \"x\"\nproxy too: \"http://a.example\"\n").map { |told, _| told[/\A\w+ \d \w+/] })
      .to eq(["error 1 threads", "error 2 proxy_pass", "error 3 proxy"])
  end
end
