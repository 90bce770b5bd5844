# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe Proxy::ConfigurationError, :edge do
  include Proxyfiles

  # Nothing is to be found or made in the folder of whoever runs this.
  around do |example|
    before = ENV.fetch("XDG_DATA_HOME", nil)
    ENV["XDG_DATA_HOME"] = "#{directory}/data"
    example.run
  ensure
    ENV["XDG_DATA_HOME"] = before
  end

  unix = 'bind "unix:///tmp/never.sock"'
  trust = 'trusted_proxies "10.0.0.0/8"'
  mode = 'write an octal number, 0o660 or "660"'
  account = 'write a name or a number, such as "www-data" or 33'
  believed = "bind: proxy_protocol: every connection would be refused, since no proxy is trusted: write "
  only_unix = 'only the file of a unix socket has that: leave it out, or write "unix:///run/proxy.sock"'
  shared = "proxy_protocol: a connection of HTTP/2 is shared by many clients, and its header could name but one: " \
           'write protocol: "http1" and http:// or https://, or leave proxy_protocol out'

  # What is written, and the one message it gets.
  {
    'bind "http://127.0.0.1:0", proxy_protocol: true' =>
      "#{believed}the addresses of the proxies in front of this one, as in trusted_proxies \"10.0.0.0/8\"",
    "trusted_proxies 'unix:'; bind 'http://127.0.0.1:0?proxy_protocol=true'" =>
      "#{believed}the addresses of the proxies in front of this one, as in trusted_proxies \"10.0.0.0/8\"",
    "#{trust}; #{unix}, proxy_protocol: true" => "#{believed}trusted_proxies \"unix:\"",
    "#{trust}; bind 'http://127.0.0.1:0', proxy_protocol: 'v1'" =>
      'bind: proxy_protocol: "v1" is a String: write true or false',
    "#{trust}; bind 'http://127.0.0.1:0?proxy_protocol=yes'" => 'bind: proxy_protocol: "yes" is a String: write true',
    "#{unix}, mode: 660" => "bind: mode: 660 is not a valid file mode: #{mode}",
    "#{unix}, mode: -1" => "bind: mode: -1 is not a valid file mode: #{mode}",
    "#{unix}, mode: '66'" => "bind: mode: \"66\" is a String: #{mode}",
    "#{unix}, mode: '0689'" => "bind: mode: \"0689\" is a String: #{mode}",
    "#{unix}, mode: :rw" => "bind: mode: :rw is a Symbol: #{mode}",
    "#{unix}, mode: 0o440" =>
      "bind: mode: with 0o440 nobody can connect, since that needs write permission: write 0o660, for example",
    "#{unix}, owner: 'nobody-here'" =>
      'bind: owner: there is no user "nobody-here" on this machine: write the name or the number of one',
    "#{unix}, group: 'nobody-here'" =>
      'bind: group: there is no group "nobody-here" on this machine: write the name or the number of one',
    "#{unix}, owner: -1" => "bind: owner: -1 is an Integer: #{account}",
    "#{unix}, owner: :root" => "bind: owner: :root is a Symbol: #{account}",
    'bind "http://127.0.0.1:0", mode: 0o660' => "bind: mode: #{only_unix}",
    'bind "http://127.0.0.1:0?owner=root"' => "bind: owner: #{only_unix}",
    'bind "http://127.0.0.1:0", group: 0' => "bind: group: #{only_unix}",
    'bind "https+unix:///tmp/never.sock"' =>
      'bind: https needs a certificate: write certificate: "tls/site.pem", key: "tls/site.key", or a line ' \
      'acme email: "ops@example.com"; only "https://localhost:PORT" makes its own',
    'bind "https+unix://never.sock", certificate: "a.pem"' =>
      'bind: "https+unix://never.sock" names no absolute path: write "https+unix:///run/proxy.sock"',
    'bind "https://localhost:0", domains: ["app.localhost", "example.com"]' =>
      'bind: domains: "example.com" is not a name of this machine alone, so it needs a certificate: write ' \
      'certificate: "tls/site.pem", key: "tls/site.key", or a line acme email: "ops@example.com"',
    'proxy to: "http://a.example", proxy_protocol: "v3"' =>
      'proxy: proxy_protocol: "v3" is unknown: write "v1" or "v2"',
    'proxy to: "http://a.example", proxy_protocol: true' =>
      'proxy: proxy_protocol: true is not allowed: write "v1" or "v2"',
    'upstream "a", backends: ["h2://127.0.0.1:1"], proxy_protocol: "v1"; proxy to: "http://a{path}"' =>
      "upstream: #{shared}"
  }.each do |written, message|
    it "says what is wrong with #{written}" do
      write("a.pem", "")
      text = written.include?("proxy to:") ? "\n#{written}" : "\n#{written}; proxy to: 'http://a.example'"
      problems = problems_of(text).reject { |problem| problem.include?("a.pem") }
      expect(problems).to eq(["Proxyfile:2: #{message}"])
    end
  end

  it "says of a socket that cannot be given away what to do" do
    skip "root may" if Process.euid.zero?

    expect { Proxy.start { bind "unix://#{directory}/a.sock", owner: "root"; static_response body: "" } }
      .to raise_error(Proxy::BindError,
                      /the socket's owner and group cannot be set: .*: start as root, write a group that this user is in/)
  end

  it "makes no authority for development when it only checks, and says where it would" do
    problems = problems_of("bind 'https://localhost:0'\nproxy to: 'http://a.example'")
    expect(problems).to eq(["Proxyfile:1: bind: there is no certificate: `proxy start` makes an authority for " \
                            "development in \"data/proxy/development\" " \
                            "and signs with it; write certificate: and key: to show one of your own"])
    expect(Dir.exist?("#{directory}/data")).to be(false)
  end
end
