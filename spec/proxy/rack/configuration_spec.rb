# frozen_string_literal: true

require "tmpdir"
require "proxy/rack"
require "rack/builder"

RSpec.describe Proxy::Rack::Configuration do
  # The problems of a middleware in a config.ru, as Rack reads it.
  def problems(rackup)
    Dir.mktmpdir do |directory|
      Dir.chdir(directory) do
        File.write("config.ru", rackup)
        Rack::Builder.parse_file("config.ru")
      end
    end
    []
  rescue Proxy::ConfigurationError => error
    error.message.split("\n")
  end

  it "reports all mistakes at the line of `use`" do
    found = problems(<<~RUBY)
      # use Proxy::Rack::Middleware
      app = ->(env) { [200, {}, []] }

      use Proxy::Rack::Middleware, path_prefix: "/api", bind: "http://0.0.0.0:80", backend: ["127.0.0.1:1"],
                                   timeout: -1, threads: 0, hijack: :yes
      run app
    RUBY

    expect(found).to contain_exactly(
      "config.ru:4: Proxy::Rack::Middleware: hijack: :yes is unknown: write :auto, false or :require",
      "config.ru:4: Proxy::Rack::Middleware: bind has no place here: the Rack server listens; leave it out",
      "config.ru:4: Proxy::Rack::Middleware: unknown option :backend (did you mean :backends?)",
      "config.ru:4: Proxy::Rack::Middleware: timeout: -1 is negative: write a number of seconds, such as 30 or 0.5",
      "config.ru:4: threads: 0 is out of range: write a number from 1 to 1024"
    )
  end

  it "tells two of them apart by their options" do
    found = problems(<<~RUBY)
      use Proxy::Rack::Middleware, path_prefix: "/api", backends: ["127.0.0.1:1"]
      use Proxy::Rack::Middleware, path_prefix: "/b", backends: ["127.0.0.1:1"], retries: -1
      run ->(env) {}
    RUBY

    expect(found).to match([/\Aconfig\.ru:2: Proxy::Rack::Middleware: retries: -1/])
  end

  it "reports all mistakes of a block at their lines", :unwrapped do
    found = problems(<<~RUBY)
      use Proxy::Rack::Middleware do
        bind "http://127.0.0.1:0"
        max_connections 5
        keepalive_timeout 5
        locatio "/x"
        proxy backends: ["127.0.0.1:1"], timeot: 5
      end
      run ->(env) {}
    RUBY

    expect(found).to eq([
      "config.ru:2: Proxy::Rack::Middleware: bind has no place here: the Rack server listens; leave it out",
      "config.ru:3: Proxy::Rack::Middleware: max_connections has no place here: the Rack server accepts the " \
      "connections; leave it out",
      "config.ru:4: Proxy::Rack::Middleware: keepalive_timeout has no place here: the Rack server keeps idle " \
      "connections; leave it out",
      "config.ru:5: locatio: unknown directive (did you mean location?)",
      "config.ru:6: proxy: unknown option :timeot (did you mean :timeout?)"
    ])
  end

  it "wants options or a block, and not both" do
    neither = "use Proxy::Rack::Middleware\nrun ->(env) {}\n"
    both = "use(Proxy::Rack::Middleware, timeout: 1) { proxy backends: [\"a:1\"] }\nrun ->(env) {}\n"

    expect(problems(neither)).to match([/\Aconfig\.ru:1: Proxy::Rack::\w+: proxies nothing: write path_prefix: /])
    expect(problems(both))
      .to match([/\Aconfig\.ru:1: Proxy::Rack::\w+: timeout: with a block, write these options in it/])
  end

  it "warns of filters that never run, and not of locations that are the application's", :unwrapped do
    expect do
      Proxy::Rack::Middleware.new(nil) do
        location("/a") { allow_list "10.0.0.0/8" }
        location("/b") { nil }
        location("/c/*") { proxy backends: ["127.0.0.1:1"] }
      end
    end.to output(/\Awarning: .*:#{__LINE__ - 4}: location: its filters never run.*leave its filters out\n\z/).to_stderr
  end

  it "reads words that stand beside a block" do
    config = described_class.read({ threads: 2, trusted_proxies: ["10.0.0.0/8", "unix:"] }, :auto,
                                  proc { proxy backends: ["127.0.0.1:1"] })

    expect(config.errors).to eq([])
    expect(config.to_h).to include("threads" => include("value" => 2), "adopts" => true,
                                   "trusted_proxies" => include("value" => ["10.0.0.0/8", "unix:"]))
  end

  it "shows no secrets" do
    expect(Proxy::Rack::Middleware.new(nil, backends: ["127.0.0.1:1"]).inspect).to eq("#<Proxy::Rack::Middleware>")
  end
end
