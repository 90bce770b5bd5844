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
    "gzip_static true" => "gzip_static: write precompressed: true as an option of `static_files`",
    "expires '1y'" => 'expires: write cache_control: "public, max-age=31536000" as an option of `static_files`, or ' \
                      'for others response_headers removals: ["Cache-Control"], additions: { "Cache-Control" =>',
    "disable_symlinks 'on'" => "disable_symlinks: write symlinks: false as an option of `static_files`",
    "internal" => 'internal: write x_sendfile: { "/files" => "storage" } as an option of `proxy`',
    "proxy_cache_valid 200" => "proxy_cache_valid: write default_ttl: 600 as an option of `cache`",
    "proxy_buffering 'off'" => "proxy_buffering: write buffering: false as an option of `proxy` if it is off",
    "compress gzip: 5" => "compress: unknown option :gzip: write level: { gzip: 5 }",
    "compress brotli: 5" => "compress: unknown option :brotli: write level: { br: 5 }",
    "compress gzip_types: []" => 'compress: unknown option :gzip_types: write types: ["text/*", "application/json"]',
    "static_files root: '.', gzip_static: true" =>
      "static_files: unknown option :gzip_static: write precompressed: true",
    "static_files root: '.', expires: '1y'" =>
      'static_files: unknown option :expires: write cache_control: "public, max-age=31536000"',
    "static_files root: '.', disable_symlinks: true" =>
      "static_files: unknown option :disable_symlinks: write symlinks: false",
    "static_files root: '.', autoindex: true" =>
      "static_files: unknown option :autoindex: lists of a folder's files are not in this version: leave it out",
    "cache 'pages', valid: 60" => "cache: unknown option :valid: write default_ttl: 600",
    "cache 'pages', max_size: 60" => "cache: unknown option :max_size: write memory: 64_000_000",
    "proxy backends: ['a:1'], proxy_buffering: false" =>
      "proxy: unknown option :proxy_buffering: write buffering: false if it was off",
    "proxy backends: ['a:1'], buffering: { max_size: 5 }" =>
      "proxy: buffering: unknown option :max_size: write disk: 1_073_741_824",
    "proxy backends: ['a:1'], gzip: true" => "proxy: unknown option :gzip: compression is a filter",
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

  it "leads to options that their words take" do
    write("storage/file", "")
    write("tls/ca.pem", "")
    needed = { "static_files" => 'root: ".", ', "proxy" => 'backends: ["127.0.0.1:3000"], ', "static_response" => "",
               "cache" => "" }
    led = described_class::WORDS.values.uniq.filter_map do |answer|
      options, words = answer.match(/\Awrite (\w+: .+?) as (?:an option|options) of `(\w+)`/)&.captures
      "#{words} #{needed.fetch(words)}#{options}" if options && !options.match?(/tls\//)
    end
    expect(led.length).to be > 30
    wrong = led.to_h { |text| [text, problems_of(Dir.chdir(directory) { "#{text}\n" }).grep(/unknown|is not|is no/)] }
    expect(wrong.reject { |_, problems| problems.empty? }).to eq({})
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
