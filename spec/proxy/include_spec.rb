# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe Proxy::DSL::Words::Include do
  include Proxyfiles

  def routes = Proxy::Config.load(File.join(directory, "Proxyfile")).to_h["routes"]

  it "reads what matches in the order of the alphabet, as if it stood there" do
    write("sites/b.rb", "location('/b') { static_response body: 'b' }\n")
    write("sites/a.rb", "location('/a') { static_response body: 'a' }\n")
    write("sites/a.txt", "no Ruby")
    FileUtils.mkdir_p("#{directory}/sites/folder.rb")
    expect(problems_of("include 'sites/*.rb'\nstatic_response body: 'rest'\n")).to eq([])

    expect(routes.map { |route| route.keys.first }).to eq(%w[location location static_response])
    expect(routes.map { |route| route.values.first["at"] })
      .to eq([{ "file" => "#{directory}/sites/a.rb", "line" => 1 },
              { "file" => "#{directory}/sites/b.rb", "line" => 1 },
              { "file" => "#{directory}/Proxyfile", "line" => 2 }])
  end

  it "tells mistakes with the file and the line that they stand in, and reads on" do
    write("sites/a.rb", "host 'a.test' do\n  proxy backend: ['127.0.0.1:1']\nend\n")
    write("sites/b.rb", "\nraise 'no'\n")
    write("sites/c.rb", "\n\nproxy(\n")
    expect(problems_of("\n\ninclude 'sites/a.rb', ['sites/b.rb', 'sites/c.rb']\nthreads 'x'\n")).to match([
      "Proxyfile:4: threads: \"x\" is a String: write a whole number, such as 64",
      "sites/a.rb:2: proxy: unknown option :backend (did you mean :backends?)",
      "sites/b.rb:2: raised RuntimeError: no",
      a_string_matching(%r{\Asites/c\.rb:\d: })
    ])
  end

  it "names files from where the person looks at them" do
    write("config/sites/a.rb", "thread 1\n")
    write("config/proxy.rb", "include 'sites/a.rb'\n")

    expect(run_command("check")[1]).to start_with("config/sites/a.rb:1: thread: unknown directive")
  end

  it "takes relative paths from the folder of the file that says them" do
    write("sites/down.html", "down")
    write("sites/more/a.rb", "location('/a') { static_response body: '' }\n")
    write("sites/a.rb", <<~RUBY)
      proxy backends: ["unix:app.sock"], error_response: { status: 503, html: { file: "down.html" } }
      include "more/*.rb"
    RUBY
    expect(problems_of("include 'sites/a.rb'\n")).to eq([])
    expect(routes.first.dig("proxy", "pool", "backends", 0, "address")).to eq("unix:#{directory}/sites/app.sock")
    expect(routes.length).to eq(2)
  end

  it "takes the names of blocks' files from the working directory" do
    write("a.rb", "static_response body: ''\n")
    Dir.chdir(directory) { expect(Proxy::Config.load { include "a.rb" }.problems).to eq([]) }
  end

  it "reads inside of a location" do
    write("users.rb", "location('/:id') { static_response body: '' }\n")
    problems_of("location('/users/*') { include 'users.rb' }\n")

    expect(routes.first.dig("location", "routes", 0, "location", "patterns")).to eq([{ "text" => "/users/:id" }])
  end

  it "keeps local variables apart, and lets methods and constants be used" do
    write("a.rb", "def app(port) = proxy(backends: [\"\#{HOST}:\#{port}\"])\nHOST = 'a.example'\n")
    expect(problems_of("HIDDEN = 1\nport = 1\ninclude 'a.rb'\napp port\n")).to eq([])
    write("a.rb", "threads port\n")
    expect(problems_of("port = 1\ninclude 'a.rb'\nstatic_response body: ''\n"))
      .to include(a_string_starting_with("a.rb:1: port: "))
  end

  it "says what is wrong with a name" do
    FileUtils.mkdir_p("#{directory}/sites")
    ending = "static_response body: ''\n"
    {
      "include 'none.rb'" => "none.rb\" does not exist (looked at none.rb): write the name of a file, or leave it out",
      "include 'sites'" => '"sites" is a folder: write "sites/*.rb"',
      "include" => "the value is missing: write names of files",
      "include nil" => "nil is not allowed: write names of files",
      "include Comparable" => "Comparable is a module: write extend Comparable to have its methods here",
      "include ''" => "the name of the file is empty: write names of files",
      "include('a.rb') { }" => "takes no block"
    }.each do |text, message|
      expect(problems_of("#{text}\n#{ending}").first)
        .to start_with("Proxyfile:1: include: ").and(include(message)), text
    end
  end

  it "warns of a pattern that matches nothing" do
    path = write("Proxyfile", "include 'sites/*.rb'\nstatic_response body: ''\n")
    problems = Proxy.check(path)

    expect(problems.map(&:severity)).to eq([:warning])
    expect(problems.first.to_s).to eq("#{path}:1: include: \"sites/*.rb\" matches no file in #{directory}: correct " \
                                      "it, or leave it out")
  end

  it "refuses what would read itself" do
    write("a.rb", "include 'b.rb'\n")
    write("b.rb", "\ninclude 'a.rb'\n")
    expect(problems_of("include 'a.rb'\nstatic_response body: ''\n"))
      .to eq(["b.rb:2: include: a.rb would be read by itself (a.rb, b.rb, a.rb): leave one of them out"])
    expect(problems_of("include '*file'\nstatic_response body: ''\n"))
      .to eq(["Proxyfile:1: include: Proxyfile would be read by itself (Proxyfile, Proxyfile): leave one of them out"])
  end

  it "lets a file be read twice" do
    write("a.rb", "location('/a') { static_response body: '' }\n")
    expect(problems_of("host('a.test') { include 'a.rb' }\nhost('b.test') { include 'a.rb' }\n")).to eq([])
  end

  it "tells the lines of text that is run as a part of the file" do
    write("sites/a.rb", "\nproxy backend: ['127.0.0.1:1']\n")
    text = "Dir['sites/*.rb'].each { |f| instance_eval(File.read(f), f) }\n" \
           "eval(File.read('sites/a.rb'), binding, 'again.rb', 5)\n"
    Dir.chdir(directory) do
      expect(problems_of(text)).to eq(["again.rb:6: proxy: unknown option :backend (did you mean :backends?)",
                                       "sites/a.rb:2: proxy: unknown option :backend (did you mean :backends?)"])
    end
  end

  it "tells the line of an exception and of a syntax error in such text" do
    write("a.rb", "\n\nraise 'no'\n")
    expect(problems_of("instance_eval(File.read('#{directory}/a.rb'), 'a.rb')\n"))
      .to eq(["a.rb:3: raised RuntimeError: no"])
    expect(problems_of("\nraise Exception, 'no'\n")).to eq(["Proxyfile:2: raised Exception: no"])
    expect { problems_of("exit 3\n") }.to raise_error(SystemExit)
    write("a.rb", "\nproxy(\n")
    expect(problems_of("instance_eval(File.read('#{directory}/a.rb'), 'a.rb')\n"))
      .to include(a_string_matching(/\Aa\.rb:\d: syntax error/))
  end
end
