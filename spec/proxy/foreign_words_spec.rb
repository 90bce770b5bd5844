# frozen_string_literal: true

require_relative "proxyfiles"

# Whoever comes from another system types its words.
RSpec.describe Proxy::DSL::Foreign do
  include Proxyfiles

  {
    "listen 80" => 'listen: write bind "http://0.0.0.0:80"',
    "proxy_pass 'http://127.0.0.1:3000'" => 'proxy_pass: write proxy to: "http://127.0.0.1:3000"',
    "server_name 'example.com'" => 'server_name: write host "example.com" do … end',
    "try_files '$uri', '/index.html'" => "try_files: write static_files root: \"public\"",
    "reverse_proxy 'localhost:3000'" => 'reverse_proxy: write proxy to: "http://127.0.0.1:3000"',
    "handle('/api/*') { }" => 'handle: write location "/api/*" do … end',
    "encode 'gzip'" => "encode: write compress",
    "balance roundrobin" => "balance: write backend_priority: :least_conn as an option of `proxy` or `upstream`",
    "use_backend 'api'" => 'use_backend: write location "/api/*"',
    "bind 'tcp://0.0.0.0:3000'" => 'bind: "tcp://0.0.0.0:3000" is not a valid URL: write "http://0.0.0.0:3000"',
    "bind 'ssl://0.0.0.0:3000?key=a&cert=b'" =>
      'bind: "ssl://0.0.0.0:3000?key=a&cert=b" is not a valid URL: write "https://0.0.0.0:3000", certificate:',
    "bind '*:80'" => 'bind: "*:80" is not a valid URL: write "http://0.0.0.0:80"',
    "proxy backends: '/tmp/puma.sock'" =>
      'proxy: backends: "/tmp/puma.sock" is a String: write ["unix:/tmp/puma.sock"]',
    "port 3000" => 'port: write bind "http://0.0.0.0:8080"',
    "workers 2" => "workers: there is one process with threads: write threads 4",
    "rackup 'config.ru'" => "rackup: this belongs in the configuration of the application's server",
    "preload_app!" => "preload_app!: this belongs in the configuration of the application's server",
    "upstream('app') { server '10.0.0.1:80' }" =>
      'upstream: takes no block: write upstream "app", backends: ["127.0.0.1:3001", "127.0.0.1:3002"]',
    "proxy backends: ['a:1'], proxy_set_header: 'a'" =>
      'proxy: unknown option :proxy_set_header: write headers: { "X-Name" => "value" }',
    "proxy backends: ['a:1'], lb_policy: 'a'" =>
      "proxy: unknown option :lb_policy: write backend_priority: :least_conn",
    "proxy backends: ['a:1'], keepalive_requests: 5" =>
      "proxy: unknown option :keepalive_requests: write keepalive: 64",
    "proxy backends: [{ address: 'a:1', max_conns: 5 }]" =>
      "proxy: backends: unknown option :max_conns: write max_connections: 100"
  }.each do |text, message|
    it "answers #{text} with a word of ours" do
      problems = problems_of("\n#{text}\n")
      expect(problems.grep(/\AProxyfile:2: #{Regexp.escape(message)}/)).not_to be_empty, problems.join("\n")
      expect(problems.join).not_to include("the directives are")
    end
  end

  it "looks into the blocks of another system, and tells each word once" do
    expect(problems_of("http do\n  server do\n    listen 80\n    root '/srv'\n  end\nend\n").map { |problem| problem[/\AProxyfile:\d: \w+/] })
      .to eq(["Proxyfile:1: http", "Proxyfile:2: server", "Proxyfile:3: listen", "Proxyfile:4: root"])
  end

  it "takes a bare word for a variable that is not there" do
    %w[port user app].each do |word|
      expect(problems_of("proxy backends: [\"127.0.0.1:\#{#{word}}\"]\n").first)
        .to start_with("Proxyfile:1: #{word}: unknown variable or directive")
    end
  end

  it "says it where the file is no Ruby" do
    expect(problems_of("location / {\n  proxy_pass http://127.0.0.1:3000;\n}\n"))
      .to eq(['Proxyfile:1: location: this is nginx syntax, and the file is Ruby: write location "/*" do … end',
              'Proxyfile:2: proxy_pass: write proxy to: "http://127.0.0.1:3000"'])
    expect(problems_of("\nserver_name example.com *.example.com;\n").join("\n"))
      .to include('server_name: write host "example.com" do … end')
  end

  it "leads to options and words that there are" do
    ours = Proxy::DSL::Words
    expect(described_class::WORDS.keys & ours::LIST).to eq([])
    expect(described_class::OPTIONS.values.flatten(1).map(&:first) - ours::SCHEMAS.flat_map(&:names)).to eq([])
    write("503.html", "")
    expect(described_class::WORDS.values.join(" ").scan(/write (\w+!?) /).flatten.uniq - ours::LIST.map(&:to_s) -
           %w[max_connections what it headers a response_headers health_check timeout]).to eq([])
  end
end
