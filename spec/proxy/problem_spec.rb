# frozen_string_literal: true

RSpec.describe Proxy::Problem do
  def problem(**rest)
    described_class.new(message: "wrong", **rest)
  end

  it "reads as one line, with what is known of its place" do
    lines = [problem(file: "Proxyfile", line: 12, directive: "proxy"), problem(file: "Proxyfile"),
             problem(directive: "bind"), problem]

    expect(lines.map(&:to_s)).to eq(["Proxyfile:12: proxy: wrong", "Proxyfile: wrong", "bind: wrong", "wrong"])
  end

  it "is an error or a warning" do
    error, warning = problem, problem(severity: :warning)

    expect([error.error?, error.warning?, warning.error?, warning.warning?]).to eq([true, false, false, true])
  end

  it "is sorted by file and line, keeps the order of one line, and is told once" do
    first, second, third = problem(file: "a", line: 2), problem(file: "a", line: 10, directive: "x"),
      problem(file: "a", line: 10)

    expect(described_class.sort([third, second, first, problem(file: "a", line: 10)])).to eq([first, third, second])
  end

  it "is read from what the engine reports" do
    hash = { at: { file: "Proxyfile", line: 3 }, directive: "proxy", code: "slip", message: "wrong",
             severity: "warning" }

    expect(described_class.from_native([hash, hash.merge(at: nil)]).map(&:inspect))
      .to eq(["#<Proxy::Problem warning Proxyfile:3: proxy: wrong>", "#<Proxy::Problem warning proxy: wrong>"])
  end
  it "says by a code what is true only of a whole configuration, and is a slip in JSON all the same" do
    problems = Proxy.check do
      upstream "app", backends: ["127.0.0.1:3000"]
      location("/a/*") { static_response body: "a" }
      location("/a/b") { static_response body: "b" }
      location("/c/*") { request_headers removals: ["Cookie"] }
    end

    expect(problems.map(&:code)).to eq(%i[unused unreachable unanswered])
    expect(problems.map { |problem| problem.to_h[:code] }.uniq).to eq([:slip])
    expect(Proxy.check { request_headers removals: ["Cookie"] }.map(&:code)).to eq([:empty])
  end
end
