# frozen_string_literal: true

require "support/integration"
require "proxy/cli"

RSpec.describe "What `proxy routes` says a backend gets" do
  # What is another for each request.
  def steady(fields)
    fields.map do |name, value|
      [name, %w[X-Request-Id X-Request-Start].include?(name) && value != "theirs" ? "…" : value]
    end
  end

  {
    "GET" => {},
    "POST" => { "Connection" => "X-A, close", "X-A" => "1", "X_Forwarded_For" => "6.6.6.6", "Cookie" => "a=b" },
    "TRACE" => { "X-Forwarded-For" => "198.51.100.7", "X-Forwarded-Proto" => "https", "X-Request-Id" => "theirs" },
    "PUT" => { "Upgrade" => "websocket", "Connection" => "upgrade, TE", "TE" => "trailers",
               "Forwarded" => "for=198.51.100.7" }
  }.each do |method, headers|
    [nil, "127.0.0.0/8"].each do |trusted|
      it "is what it gets of #{method} with #{headers.keys.join(", ")}, " \
         "from #{trusted ? "a trusted proxy" : "anybody"}" do
        backend = start_backend
        path = File.join(directory, "Proxyfile")
        File.write(path, <<~RUBY)
          #{"trusted_proxies #{trusted.inspect}" if trusted}
          request_headers additions: { "X-Method" => ["{method} {path}", "{X-A}"] }, removals: ["Cookie"]
          location "/a/:id" do
            proxy to: "http://b.test:81/v2/{id}{query}", backends: [#{backend.address.inspect}], headers: { "X-Id" => { rewrite: "{id} {addr}" }, "X-B" => nil }
          end
          proxy backends: [#{backend.address.inspect}], keepalive: 0, forwarded_headers: :rfc7239, allow_underscores: ["X_A"]
        RUBY
        proxy = start_proxy(file: path, bind: "http://127.0.0.1:0")
        %w[/a/7?x=1 /b].each_with_index do |target, index|
          client = proxy.connect
          client.send_request(method, target, { "Host" => "app.test", "X-B" => "1", **headers })
          eventually { expect(backend.requests.length).to eq(index + 1) }
          question = { "method" => method, "scheme" => "http", "authority" => "app.test", "target" => target,
                       "remote" => "127.0.0.1",
                       "port" => proxy.server.port, "headers" => [%w[X-B 1], *headers.to_a] }
          told = Proxy::Native.explain(Proxy::Config.load(path).to_h, question).fetch(:sent)
          got = backend.requests.last
          expect([told[:line], steady(told[:fields])]).to eq([got.start_line, steady(got.fields)])
        end
      end
    end
  end
end
