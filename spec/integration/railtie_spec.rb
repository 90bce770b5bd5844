# frozen_string_literal: true

require "support/integration"

# Applications in one file, each in a process of its own.
RSpec.describe "Proxy::Railtie", time_limit: 60 do
  # What the script prints in an application whose class has `settings` in it.
  def booted(settings, script, requires: "proxy")
    File.write("#{directory}/application.rb", <<~RUBY)
      require "action_controller/railtie"
      require #{requires.dump}

      class Application < Rails::Application
        config.root = __dir__
        config.eager_load = false
        config.logger = Logger.new($stdout, formatter: ->(_, _, _, text) { "\#{text}\\n" })
        config.log_level = :warn
        config.hosts = nil
        config.secret_key_base = "0" * 64
        config.consider_all_requests_local = true
        routes.append { get "file", to: "files#show"; get "address", to: "files#address" }
      #{settings.gsub(/^/, "  ")}
      end

      class FilesController < ActionController::Base
        def show = send_file("#{directory}/a.txt")
        def address = render(plain: request.remote_ip)
      end

      Application.initialize!

      def get(path, fields = {}) = Rack::MockRequest.new(Application).get(path, fields)

      #{script}
    RUBY
    File.write("#{directory}/a.txt", "a file")
    IO.popen([{ "RAILS_ENV" => "production" }, RbConfig.ruby, "-I#{ProxyProcess::LIB}", "#{directory}/application.rb",
              { chdir: directory, err: %i[child out] }], &:read)
  end

  %w[proxy proxy/railtie].each do |requires|
    it "calls blocks inside the application's executor, with require #{requires.inspect}" do
      expect(booted("", <<~RUBY, requires: requires)).to eq("[\"passed\", true, false]\n")
        require "net/http"
        inside = nil
        server = Proxy.start do
          bind "http://127.0.0.1:0"
          authorize(key: "{path}") { inside = Application.executor.active? }
          static_response body: "passed"
        end
        p [Net::HTTP.get(URI(server.url)), inside, Application.executor.active?]
      RUBY
    end
  end

  it "leaves what the application set around blocks" do
    expect(booted("Proxy::Blocks.around = :own", "p Proxy::Blocks.around")).to eq(":own\n")
  end

  it "lets Rails send files, unless the application says that the server in front does" do
    script = 'found = get("/file"); p [found.body, found["X-Sendfile"]]'

    expect(booted("", script)).to eq("[\"a file\", nil]\n")
    File.write("#{directory}/Proxyfile", "")
    FileUtils.mkdir_p("#{directory}/config/initializers")
    File.write("#{directory}/config/initializers/proxy.rb", "Rails.application.config.proxy.x_sendfile = true\n")
    expect(booted("", script)).to eq("[\"\", \"#{directory}/a.txt\"]\n")
  end

  it "places middlewares first, the first one outside" do
    settings = <<~RUBY
      config.proxy.middleware path_prefix: "/api", backends: [#{backend_answering("from the backend").address.dump}]
      config.proxy.middleware { location("/api/*", "/vite/*") { static_response body: "from the block" } }
    RUBY
    expect(booted(settings, <<~RUBY)).to eq(<<~TEXT)
      p Application.middleware.first(3).map(&:name)
      p %w[/api/x /vite/x /address].map { |path| get(path, "REMOTE_ADDR" => "127.0.0.1").body }
    RUBY
      ["Proxy::Rack::Middleware", "Proxy::Rack::Middleware", "ActionDispatch::HostAuthorization"]
      ["from the backend", "from the block", "127.0.0.1"]
    TEXT
  end

  it "lets a middleware tell Rails of each request that it took" do
    settings = <<~RUBY
      config.proxy.middleware do
        access_log "json" do |lines|
          lines.each { |line| ActiveSupport::Notifications.instrument("request.proxy", JSON.parse(line)) }
        end
        location("/api/*") { static_response body: "taken" }
      end
    RUBY
    expect(booted(settings, <<~RUBY)).to eq(<<~TEXT)
      events = Queue.new
      ActiveSupport::Notifications.subscribe("request.proxy") { |*, payload| events << payload.slice("path", "status") }
      get("/api/x", "REMOTE_ADDR" => "127.0.0.1")
      p events.pop
      %w[/address /api/y].each { |path| get(path, "REMOTE_ADDR" => "127.0.0.1") }
      p events.pop
    RUBY
      {"path"=>"/api/x", "status"=>200}
      {"path"=>"/api/y", "status"=>200}
    TEXT
  end

  it "names the line of a middleware with a mistake" do
    expect(booted("config.proxy.middleware backend: [\"127.0.0.1:1\"]", ""))
      .to include("application.rb:13: Proxy::Rack::Middleware: unknown option :backend (did you mean :backends?)")
  end

  it "knows no other option" do
    expect(booted("config.proxy.x_sendfil = true", "")).to include("undefined method `x_sendfil='")
      .and(include("Did you mean?  x_sendfile="))
  end

  describe "where a Proxyfile trusts a load balancer" do
    before { File.write("#{directory}/Proxyfile", "trusted_proxies \"10.0.0.0/8\", \"203.0.113.0/24\"\nraise\n") }

    # The address of a visitor who comes through the load balancer and the proxy.
    address = <<~RUBY
      puts get("/address", "HTTP_X_FORWARDED_FOR" => "198.51.100.7, 203.0.113.9", "REMOTE_ADDR" => "127.0.0.1").body
    RUBY

    it "warns that Rails does not" do
      expect(booted("", address)).to eq(<<~TEXT)
        Proxyfile:1: trusted_proxies: Rails does not trust 203.0.113.0/24, so request.remote_ip would be an address of \
        the load balancer: write config.action_dispatch.trusted_proxies = \
        ActionDispatch::RemoteIp::TRUSTED_PROXIES + [IPAddr.new("203.0.113.0/24")]
        203.0.113.9
      TEXT
    end

    it "is content if Rails does, in any of the ways in which it can be told" do
      setting = "ActionDispatch::RemoteIp::TRUSTED_PROXIES + [IPAddr.new(\"203.0.113.0/24\")]"
      others = ['IPAddr.new("203.0.113.0/24")', '/\A(203\.0\.113|10)\./']

      expect(booted("config.action_dispatch.trusted_proxies = #{setting}", <<~RUBY)).to eq("198.51.100.7\n[[], []]\n")
        #{address}
        p [#{others.join(", ")}].map { |one| Proxy::Railtie::TrustedProxies.new("Proxyfile", one).warnings }
      RUBY
    end

    it "compares nothing if it is told so" do
      expect(booted("config.proxy.proxyfile = nil", address)).to eq("203.0.113.9\n")
    end
  end
end
