# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "mistakes in a `run`" do
  include Proxyfiles

  it "are reported where the application is none, with what to write" do
    problems = problems_of(<<~RUBY)
      run
      run 5, threads: 0
      run String
      run { |env| env }
      run ->(env) {}, ->(env) {}
      class App; def call(env) = env; end
      run App
    RUBY
    expect(problems).to eq([
      "Proxyfile:1: run: the application is missing: write run MyApp, or run \"config.ru\"",
      "Proxyfile:2: run: 5 is an Integer, not a Rack application: write an object with call, or the path of a " \
      "config.ru",
      "Proxyfile:2: run: threads: 0 is out of range: write a number from 1 to 1024",
      "Proxyfile:3: run: String is a Class, not a Rack application: write an object with call, or the path of a " \
      "config.ru",
      "Proxyfile:4: run: takes no block: write run ->(env) { … }",
      "Proxyfile:5: run: takes one application: write run MyApp, or run \"config.ru\"",
      "Proxyfile:7: run: the class App has no `call`, only its objects: write run App.new"
    ])
  end

  it "are reported where a config.ru is wrong" do
    write("bad.ru", "run 1\nuse Nothing::Here\n")
    write("syntax.ru", "run [\n")
    problems = problems_of(<<~RUBY)
      run "bad.ru"
      run "none.ru", at: "/a"
      run "syntax.ru", at: "/b"
    RUBY
    expect(problems[0..1]).to eq([
      'Proxyfile:1: run: "bad.ru" raised NameError in line 2: uninitialized constant Nothing: correct it',
      'Proxyfile:2: run: "none.ru" does not exist (looked at none.ru): write the path of a config.ru, such as ' \
      '"config.ru"'
    ])
    expect(problems[2]).to start_with('Proxyfile:3: run: "syntax.ru" raised SyntaxError').and end_with(": correct it")
  end

  it "are reported where the gem rack is missing" do
    write("Proxyfile", 'run "config.ru"')
    write("config.ru", "run 1")
    code = "def Gem.try_activate(*) = false; $LOAD_PATH.reject! { |path| File.exist?(%(\#{path}/rack.rb)) }; " \
           "require %(proxy); puts Proxy.check"
    output, = Open3.capture2e(RbConfig.ruby, "-I#{Proxyfiles::ROOT}/lib", "-e", code, chdir: directory)
    expect(output).to eq(<<~TEXT)
      Proxyfile:1: run: "config.ru" needs the gem rack, which is not there: add it to the Gemfile and start with `bundle exec proxy`, or write run ->(env) { … }
    TEXT
  end

  it "are not: an application, its name and its options reach the engine" do
    write("config.ru", "run ->(env) { [200, {}, []] }")
    routes = configuration_of(<<~RUBY).fetch("routes").map { |route| route.fetch("run").except("inbox") }
      class App; def self.call(env) = env; end
      run App, threads: 2, queue: 3, queue_timeout: 0.5, timeout: 7, at: "/app", max_body: 9, max_tunnels: 1
      run "config.ru", path_prefix: "/file", timeout: nil
      run ->(env) { env }
    RUBY
    expect(routes).to eq([
      { "threads" => 2, "queue" => 3, "queue_timeout" => 0.5, "timeout" => 7.0, "path_prefix" => "/app",
        "max_body" => 9, "max_tunnels" => 1, "name" => "App" },
      { "path_prefix" => "/file", "name" => "config.ru" }, { "name" => "Proxyfile:4" }
    ])
  end

  it "are not shown by `proxy routes`, which says where an application stands" do
    write("Proxyfile", "location \"/a/*\" do\n  run ->(env) {}, at: \"/a\"\nend\nrun ->(env) {}\n")
    out, err, status = run_command("routes")
    expect([err, status]).to eq(["", 0])
    expect(out).to include("2    run Proxyfile:2 under /a\n", "4  run Proxyfile:4\n")
    expect(run_command("routes", "http://a/a/b").first).to include("answer:\n   2  run Proxyfile:2 under /a\n")
  end
end
