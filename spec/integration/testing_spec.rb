# frozen_string_literal: true

require "support/integration"

# Real runs of RSpec and Minitest, each with a suite of its own.
RSpec.describe "Tests of a configuration", time_limit: 60 do
  before do
    File.write("#{directory}/Proxyfile", <<~RUBY)
      upstream "app_servers", backends: ["127.0.0.1:3001", "127.0.0.1:3002"]
      rate_limit requests: 100, seconds: 60
      redirect_http_to_https!
      deny_list "192.0.2.7"
      location "/users/:id" do
        request_headers additions: { "X-Env" => "test" }, removals: ["Cookie"]
        proxy to: "http://app_servers/v2/{id}"
      end
      location("/old/*") { redirect to: "https://new.example{path}", type: "permanent" }
      location "/admin/*" do
        auth_basic realm: "Staff", credentials: { "ann" => #{"secret".crypt("$2y$04$abcdefghijklmnopqrstuu").dump} }
        proxy backends: ["127.0.0.1:3003"]
      end
      location("/health") { static_response body: "fine\\n" }
    RUBY
  end

  # Output and status of a suite.
  def run(name, text, *command)
    File.write("#{directory}/#{name}", text)
    output = IO.popen([{ "RUBYOPT" => nil }, RbConfig.ruby, "-I#{ProxyProcess::LIB}", *command, name,
                       { chdir: directory, err: %i[child out] }], &:read)
    [output, $?.exitstatus]
  end

  # Text without what is another each time.
  def stamped(text) = text.gsub(/\h{32}|t=\d{13}/, "…")

  def rspec(text) = run("proxy_spec.rb", text, "-S", "rspec", "--options", File::NULL, "--format", "documentation")

  def minitest(text, *requires) = run("proxy_test.rb", text, "-rminitest/autorun", *requires.map { |name| "-r#{name}" })

  describe "with RSpec" do
    suite = <<~'RUBY'
      require "proxy/rspec"

      RSpec.describe "The proxy" do
        subject(:proxy) { Proxy::Router.load("Proxyfile") }

        users = "GET https://app.example/users/7"
        it { is_expected.to route(users).to("app_servers").with_captures(id: "7").as("GET /v2/7") }
        it { is_expected.to route(users).to("127.0.0.1:3001", "127.0.0.1:3002").as("/v2/7") }
        it { is_expected.to route(users).to(%r{\Ahttp://app}).through(:request_headers) }
        it { is_expected.to route(users).with_headers("X-Env" => "test", "Cookie" => nil) }
        it { is_expected.not_to route(users).to("others") }
        it { is_expected.not_to route(users, from: "192.0.2.7") }
        it { is_expected.to redirect("http://app.example/a").to("https://app.example/a").permanently }
        it { is_expected.not_to redirect("https://app.example/old/a").temporarily }
        it { is_expected.to answer("GET https://app.example/health").with(200).with_body(start_with("fine")) }
        it { is_expected.to answer("https://app.example/none").with(400..499) }
        it { is_expected.to refuse(users, from: "192.0.2.7", headers: { "Accept" => "text/html" }).with(403) }
        it { is_expected.to ask_for_password("https://app.example/admin/").in_realm("Staff") }
        it { is_expected.not_to ask_for_password("https://app.example/admin/", headers: { "Authorization" => "Basic YTpi" }) }
        it { is_expected.to limit("POST /login").to(100).per(60).by(:address) }
        it { is_expected.not_to limit("POST /login").by(header: "X-Key") }
        it { is_expected.to redirect("/a").and limit("/a") }
        it("takes blocks") { expect(Proxy::Router.new { static_response body: "" }).to answer("/") }
        it("know :app") { expect(Proxy::Router.new { proxy backends: [:app] }).to route("/").to(:app) }
      end
    RUBY

    it "reads as English" do
      expect(rspec(suite)[0].lines.drop(1).take_while { |line| line != "\n" }.join).to eq(<<~TEXT)
        The proxy
          is expected to route GET https://app.example/users/7 to "app_servers" with id: "7" as "GET /v2/7"
          is expected to route GET https://app.example/users/7 to "127.0.0.1:3001", "127.0.0.1:3002" as "/v2/7"
          is expected to route GET https://app.example/users/7 to /\\Ahttp:\\/\\/app/ through request_headers
          is expected to route GET https://app.example/users/7 with X-Env: test, no Cookie
          is expected not to route GET https://app.example/users/7 to "others"
          is expected not to route GET https://app.example/users/7 from 192.0.2.7
          is expected to redirect GET http://app.example/a to "https://app.example/a" permanently
          is expected not to redirect GET https://app.example/old/a temporarily
          is expected to answer GET https://app.example/health with 200 with the body start with "fine"
          is expected to answer GET https://app.example/none with 400..499
          is expected to refuse GET https://app.example/users/7 from 192.0.2.7 with Accept: text/html with 403
          is expected to ask for a password for GET https://app.example/admin/ in the realm "Staff"
          is expected not to ask for a password for GET https://app.example/admin/ with Authorization: Basic YTpi
          is expected to limit POST /login to 100 requests per 60 s by address
          is expected not to limit POST /login by header X-Key
          is expected to redirect GET /a and limit GET /a
          takes blocks
          know :app
      TEXT
    end

    {
      'route("https://a/users/7").to("other").with_captures(id: "8").as("/v2/8").through("rewrite")' =>
        'it is routed to "app_servers", whose backends are "127.0.0.1:3001", "127.0.0.1:3002", with id: "7", ' \
        'as "/v2/7", through rate_limit, redirect_http_to_https!, deny_list, request_headers',
      'route("https://a/users/7").with_headers("x-env" => "live", "Via" => nil)' =>
        'it is routed to "app_servers", with x-env: test, Via: 1.1 proxy',
      'route("https://a/none")' => "it is answered with 404",
      'redirect("https://a/old/b").to("/b").temporarily' => "it is redirected to https://new.example/old/b with 308",
      'answer("https://a/health").with_body("ill")' =>
        'it is answered with 200 by static_response, with the body "fine\n"',
      'refuse("https://a/health")' => "it is answered with 200 by static_response",
      'ask_for_password("https://a/admin/").in_realm("Boss")' =>
        'it is answered with 401 by auth_basic, in the realm "Staff"',
      'limit("/login").to(10)' =>
        "it is redirected to https://localhost/login with 308, limited to 100 requests per 60 s by address"
    }.each do |expectation, found|
      it "says what is wrong with #{expectation}" do
        output, status = rspec(<<~RUBY)
          require "proxy/rspec"
          RSpec.describe("it") { it { expect(Proxy::Router.load).to #{expectation} } }
        RUBY
        routes = IO.popen([RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "routes",
                           expectation[/"(\S+?)"/, 1].sub(%r{\A/}, "http://localhost/"), { chdir: directory }], &:read)
        expect(output).to include("\n       but #{found}\n\n")
        # RSpec indents a message by 7, and the message itself the routes by 2.
        expect(stamped(output.gsub(/^ {9}/, ""))).to include(stamped(routes))
        expect(status).to eq(1)
      end
    end

    it "says so when something is routed that must not be" do
      output, = rspec(<<~RUBY)
        require "proxy/rspec"
        RSpec.describe("it") { it { expect(Proxy::Router.load).not_to route("https://a/users/7") } }
      RUBY
      expect(output).to include("expected the proxy not to route GET https://a/users/7\n")
        .and(include("but it is routed to \"app_servers\"\n"))
    end

    it "stops the servers of an example with it, also if it fails, and those of a group with the group" do
      output, status = rspec(<<~'RUBY')
        require "proxy/rspec"
        require "net/http"
        $servers = []

        module Starting
          def start
            Proxy::Testing.start { bind "http://0.0.0.0:8080"; static_response body: "hello" }.tap { $servers << _1 }
          end
        end
        RSpec.configure { |config| config.include Starting }

        RSpec.describe "a group" do
          before(:context) { $of_group = start }
          it("has its server") { expect(Net::HTTP.get(URI($of_group.url))).to eq("hello") }
          it("keeps it") { expect($of_group).not_to be_stopped }
        end

        RSpec.describe "servers" do
          it("of a group are gone") { expect($of_group).to be_stopped }

          it "serve" do
            first, second = start, Thread.new { start }.value
            expect([first, second].map { |server| Net::HTTP.get(URI(server.url)) }).to eq(%w[hello hello])
            expect([first, second].map(&:url)).to all(start_with("http://127.0.0.1:"))
          end

          it("fail") { start; raise "on purpose" }
          it("fail in a hook") { start }
          after { |example| raise "in a hook" if example.description == "fail in a hook" }
          it("cannot start") { Proxy::Testing.start { proxi to: "" } }
          it("are gone") { expect($servers).to have_attributes(length: 5).and all(be_stopped) }
        end
      RUBY
      expect(output).to include("8 examples, 3 failures", "on purpose", "in a hook", "ConfigurationError",
                                "proxy_spec.rb:30: proxi: unknown")
      expect(status).to eq(1)
    end
  end

  describe "with Minitest" do
    it "passes where the facts hold" do
      output, status = minitest(<<~'RUBY')
        require "proxy/minitest"

        class ProxyfileTest < Minitest::Test
          def test_routes
            assert_routes "https://a/users/7", to: "app_servers", with_captures: { id: /\d/ }, as: "/v2/7",
                          with_headers: { "X-Env" => "test" }, through: %w[deny_list request_headers]
            assert_routes "https://a/users/7", to: %w[127.0.0.1:3001 127.0.0.1:3002]
            refute_routes "https://a/users/7", from: "192.0.2.7"
          end

          def test_others
            assert_redirects "http://a/b", to: "https://a/b", permanently: true
            refute_redirects "https://a/old/b", temporarily: true
            assert_answers "https://a/health", with: 200, with_body: "fine\n"
            refute_answers "https://a/users/7"
            assert_refuses "https://a/health", from: "192.0.2.7", with: 403
            refute_refuses "https://a/health"
            assert_asks_for_password "https://a/admin/", in_realm: "Staff"
            refute_asks_for_password "https://a/health"
            assert_limits "/login", to: 100, per: 60, by: :address
            refute_limits "/login", by: { header: "X-Key" }
          end

          def test_mistakes
            error = assert_raises(ArgumentError) { assert_routes "/", with_capture: "app" }
            assert_equal "unknown keyword: :with_capture (did you mean :with_captures?)", error.message
            assert_raises(ArgumentError) { assert_redirects "/", permanently: false }
          end
        end
      RUBY
      expect(output).to include("3 runs, 16 assertions, 0 failures, 0 errors")
      expect(status).to eq(0)
    end

    it "prints what `proxy routes` prints where they do not" do
      output, status = minitest(<<~'RUBY')
        require "proxy/minitest"

        class ProxyfileTest < Minitest::Test
          def test_routes = assert_routes("https://a/users/7", to: "others")
          def test_limits = refute_limits("/login", to: 100)
        end

        class OtherTest < Minitest::Test
          def proxy = Proxy::Router.new { static_response body: "" }
          def test_answers = assert_answers("/", with: 404)
        end
      RUBY
      expect(output).to include("3 failures, 0 errors")
        .and(include("expected the proxy to route GET https://a/users/7 to \"others\"\n" \
                     "but it is routed to \"app_servers\""))
        .and(include("expected the proxy not to limit GET /login to 100 requests\nbut it is redirected to "))
        .and(include("expected the proxy to answer GET / with 404\nbut it is answered with 200 by static_response\n"))
        .and(include("locations, in the order in which they are tried:\n     5  yes  location \"/users/:id\"\n"))
      expect(status).to eq(1)
    end

    it "stops the servers of each test, in parallel threads too" do
      output, status = minitest(<<~'RUBY')
        require "proxy/minitest"
        require "net/http"
        SERVERS = Queue.new
        Minitest.after_run { puts SERVERS.length, Array.new(SERVERS.length) { SERVERS.pop.stopped? }.uniq.inspect }

        class ParallelTest < Minitest::Test
          parallelize_me!

          12.times do |number|
            define_method("test_#{number}") do
              server = Proxy::Testing.start { static_response body: "server #{number}" }
              SERVERS << server
              flunk if number == 5
              10.times { assert_equal "server #{number}", Net::HTTP.get(URI(server.url)) }
            end
          end
        end
      RUBY
      expect(output).to include("12 runs, 111 assertions, 1 failures, 0 errors").and(end_with("12\n[true]\n"))
      expect(status).to eq(1)
    end

    it "starts servers in the forks of Rails' parallel tests" do
      output, status = minitest(<<~'RUBY', "active_support")
        require "active_support/test_case"
        require "active_support/testing/autorun"
        require "proxy/minitest"
        require "net/http"
        PARENT = Process.pid
        OF_PARENT = Proxy::Testing.start { static_response body: "parent" }

        class ForkingTest < ActiveSupport::TestCase
          parallelize(workers: 2)

          60.times do |number|
            test "number #{number}" do
              refute_equal PARENT, Process.pid
              assert OF_PARENT.stopped?
              server = Proxy::Testing.start { static_response body: Process.pid.to_s }
              assert_equal Process.pid.to_s, Net::HTTP.get(URI(server.url))
              assert_equal "parent", Net::HTTP.get(URI(OF_PARENT.url))
            end
          end
        end
      RUBY
      expect(output).to match(/60 runs, 240 assertions, 0 failures, 0 errors/)
      expect(status).to eq(0)
    end
  end

  it "does not listen where others could reach it" do
    require "proxy/testing"
    expect { Proxy::Testing.start(binds: ["http://127.0.0.1:0", "http://0.0.0.0:0"]) { static_response body: "" } }
      .to raise_error(ArgumentError, "http://0.0.0.0:0 can be reached from elsewhere: write one such as " \
                                     "http://127.0.0.1:0")
    expect { Proxy::Testing.start(binds: []) { bind("http://0.0.0.0:0") && static_response(body: "") } }
      .to raise_error(ArgumentError, "binds: there is none: leave it out, or write one such as http://127.0.0.1:0")
    binds = ["unix://#{directory}/socket", "http://127.0.0.1:0"]
    server = Proxy::Testing.start(binds: binds) { static_response body: "a" }
    expect(server.urls).to match(["unix://#{directory}/socket", /127\.0\.0\.1/])
    Proxy::Testing.stop
    expect(server).to be_stopped
  end
end
