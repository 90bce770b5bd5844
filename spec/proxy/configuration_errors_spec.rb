# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe Proxy::ConfigurationError, :wrong_types do
  include Proxyfiles

  it "reports everything at once, by line" do
    problems = problems_of(<<~RUBY)
      thread 4
      bind "https://0.0.0.0:8443"
      location "/a" do
        proxy to: "http://a.example", timeout: -1, strategy: :any
      end
      proxy
      raise "last"
    RUBY

    expect(problems.map { |problem| problem[/\AProxyfile:\d+: \w+/] })
      .to eq(["Proxyfile:1: thread", "Proxyfile:2: bind", "Proxyfile:4: proxy", "Proxyfile:4: proxy",
              "Proxyfile:6: proxy",
              "Proxyfile:7: raised"])
  end

  it "reports what only the engine sees beside what is wrong in the same directive" do
    problems = problems_of(<<~RUBY)
      proxy to: 3, connect_timeout: 0
      proxy backends: [5, "a:x"]
      proxy backends: ["a:1"], headers: { "A" => 3, "B C" => "d" }
      static_response headers: { "A" => 3, "B C" => "d" }
      location :a do
        proxy backends: ["a:x"]
      end
    RUBY

    expect(problems.map { |problem| problem[/\AProxyfile:\d+: .*?(?= is |:? write)/] })
      .to eq(["Proxyfile:1: proxy: to: 3", "Proxyfile:1: proxy: connect_timeout: 0",
              "Proxyfile:2: proxy: backends: 5", 'Proxyfile:2: proxy: backends: "a:x"',
              'Proxyfile:3: proxy: headers: the value 3 of "A"', 'Proxyfile:3: proxy: headers: "B C"',
              'Proxyfile:4: static_response: headers: the value 3 of "A"', 'Proxyfile:4: static_response: headers: ' \
                '"B C"',
              "Proxyfile:5: location: :a", 'Proxyfile:6: proxy: backends: "a:x"'])
  end

  it "explains why a block does not see the instance variables and methods around it" do
    @url = "http://a.example"
    problems = Proxy.check { proxy to: @url }
    problems += Proxy.check { static_response body: own_method }

    remedy = /`self` is the configuration here: .* write \{ \|config\| config\.proxy … \}\z/
    expect(problems.map(&:message).grep(remedy).length).to eq(2)
  end

  it "reports a directive that is written twice, with both lines" do
    expect(problems_of("threads 1\nthreads 2\n"))
      .to eq(["Proxyfile:2: threads: is set twice, first at Proxyfile:1: keep one of the lines"])
  end

  it "reports the line of a syntax error" do
    problems = problems_of("threads 1\nproxy to: 'a',,\n  timeout: 3\n")

    expect(problems.first).to eq("Proxyfile:2: there are two commas in a row: leave one of them out")
  end

  it "does not tell again what follows from an unknown word" do
    expect(problems_of("x = unheard_of + 1\n")).to eq(["Proxyfile:1: unheard_of: unknown variable or directive: " \
                                                       "write \"unheard_of\" if it is text; " \
                                                    "`proxy help` lists the directives"])
  end

  it "reports a file that is not there" do
    expect(Proxy.check("#{directory}/none").map(&:to_s)).to eq(["#{directory}/none: there is no such file: `proxy " \
                                                                "init` writes a first one"])
  end

  it "reports a folder" do
    expect(Proxy.check(directory).map(&:to_s)).to eq(["#{directory}: this is a folder: name the file in it"])
  end

  it "reports a file that cannot be read" do
    path = File.join(directory, "Proxyfile")
    File.symlink(path, path)

    expect(Proxy.check(path).map(&:to_s))
      .to eq(["#{path}: this file cannot be read (Too many levels of symbolic links): check its permissions"])
  end

  it "reports a file that is no UTF-8" do
    expect(problems_of("# \xff\n".b)).to eq(["Proxyfile: this file is not valid UTF-8: save it as UTF-8"])
  end

  it "is raised with all problems, each with file, line, directive and message" do
    path = write("Proxyfile", "thread 4\nproxy\n")

    expect { Proxy.start(path) }.to raise_error(described_class) { |error|
      expect(error.problems.map { |problem| [problem.file, problem.line, problem.directive] })
        .to eq([[path, 1, "thread"], [path, 2, "proxy"]])
      expect(error.message.lines.length).to eq(2)
      expect(error.message).to start_with("#{path}:1: thread: unknown directive (did you mean threads?)")
    }
  end

  it "has the exception of the file as its cause" do
    expect { Proxy.start { raise "not today" } }
      .to raise_error(described_class) { |error| expect(error.cause).to be_a(RuntimeError) }
  end

  it "is a Proxy::Error, as is Proxy::BindError" do
    expect([described_class, Proxy::BindError].map(&:superclass)).to eq([Proxy::Error, Proxy::Error])
    expect(Proxy::Error.superclass).to eq(StandardError)
  end
end
