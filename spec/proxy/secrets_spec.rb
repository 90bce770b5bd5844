# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "messages" do
  include Proxyfiles

  [
    'proxy backends: ["http://user:hunter22@10.0.0.1:3000"]',
    'proxy backends: ["user:hunter22@10.0.0.1:3000"]',
    'proxy backends: ["http://hunter22@10.0.0.1:3000"]',
    'proxy backends: [{ address: "http://user:hunt/er22@10.0.0.1" }]',
    'proxy backends: "http://user:hunter22@10.0.0.1"',
    'proxy backends: [{ adress: "http://user:hunter22@10.0.0.1" }]',
    'proxy "http://user:hunter22@10.0.0.1"',
    'proxy to: ["http://user:hunter22@10.0.0.1"]',
    'proxy to: "http://user:hunter22@10.0.0.1{path}"',
    'proxy to: "ftp://user:hunter22@10.0.0.1{path}"',
    'proxy to: "user:hunter22@10.0.0.1{path}"',
    "proxy to: \"http://user:#{"hunter22" * 20}@10.0.0.1\", backends: 5",
    'upstream "a", backends: ["redis://:hunter22@a"]',
    'proxy backends: ["a:1"], backend_priority: { sticky: "c", secret: "hunter22" }',
    'proxy backends: ["a:1"], backend_priority: { cookie: "c", secret: "hunter22" }',
    'proxy backends: ["a:1"], backend_priority: { sticky: "c", secret: :hunter22 }',
    'proxy backends: ["a:1"], headers: { "Authorization" => { literal: "hunter22" } }',
    'proxy backends: ["a:1"], headers: { "Authorization" => "Bearer hunter22\n" }',
    'proxy backends: ["a:1"], headers: { "X-Api-Key" => :hunter22 }',
    'proxy backends: ["a:1"], health_check: { headers: { "Authorization" => :hunter22 } }',
    'location(headers: { "X-Token" => :hunter22 }) { static_response body: "" }',
    'request_headers additions: { "Authorization" => :hunter22 }',
    'auth_basic "bob:hunter22"',
    'auth_basic credentials: { "bob" => "hunter22" }',
    'auth_basic credentials: ["bob:hunter22"]',
    'auth_api_key "hunter22"',
    'auth_api_key keys: :hunter22',
    'auth_jwt secret: ["hunter22"]',
    'forward_auth to: "http://user:hunter22@127.0.0.1/"',
    'rate_limit requests: 1, seconds: 1, store: { redes: "redis://:hunter22@127.0.0.1/" }',
    'bind "https://user:hunter22@127.0.0.1:1"',
    'redirect to: "https://user:hunter22@a/"',
    'raise "no connection to http://user:hunter22@a/"'
  ].each do |text|
    it "say nothing of the secret in #{text}" do
      problems = problems_of("#{text}\nstatic_response body: ''\n")
      expect(problems).not_to be_empty
      expect(problems.join("\n")).not_to match(/hunter22|hunt.er22|er22/)
    end
  end

  it "keep what is no secret" do
    expect(problems_of("location('/@me', '/users/@:id@x') { threads 1 }\n").first).to include("belongs outside")
    expect(Proxy::Problem.without_secrets("write to ann@example.com")).to eq("write to ann@example.com")
    expect(Proxy::Problem.without_secrets('"http://a@b/" or "c"')).to eq('"http://…@b/" or "c"')
  end

  it "of `proxy routes` show no password" do
    write("Proxyfile", "proxy to: 'http://user:hunter22@10.0.0.1/x'\n")
    expect(run_command("routes").first).to include("http://…@10.0.0.1/x")
  end
end
