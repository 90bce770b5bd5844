# frozen_string_literal: true

require "support/acme"
require "support/example_files"

RSpec.describe "Examples of certificates by themselves", :acme, time_limit: 60 do
  let(:authority) { start_authority }

  # The example at free ports, with the authority of the test.
  def start_certified(name, changes = {}, more: "")
    options = { storage: directory, **authority.options }.map { |key, value| "#{key}: #{value.inspect}, " }.join
    path = File.join(directory, name)
    text = File.read("examples/#{name}")
    { "acme email:" => "acme #{options}email:", '"http://0.0.0.0:80"' => '"http://127.0.0.1:0"',
      '"https://0.0.0.0:443"' => '"https://0.0.0.0:0"', **changes }.each do |from, to|
      raise "#{name} has no #{from}" unless text.include?(from)

      text = text.gsub(from, to)
    end
    File.write(path, "threads 1\n#{more}\n#{text}")
    start_proxy(file: path, bind: nil).tap { |proxy| authority.lead_to(proxy) }
  end

  it "examples/https.rb gets certificates for its hosts and serves them" do
    backend = backend_answering("hello")
    proxy = start_certified("https.rb", { "127.0.0.1:3000" => backend.address })

    %w[example.com www.example.com].each { |name| await_certificate(proxy, name) }

    client = TlsClient.connect(https(proxy), name: "example.com")
    expect(client.get("/", "Host" => "example.com").body).to eq("hello")
    expect(proxy.get("/", "Host" => "example.com").status).to eq(301).or eq(308)
  end

  it "examples/https_wildcard.rb gets a wildcard with records that it writes at its provider, and removes" do
    api = start_provider_api(authority, "example.com")
    proxy = start_certified("https_wildcard.rb",
                            { 'ENV.fetch("CLOUDFLARE_TOKEN", "no token")' => "\"secret\", api: #{api.url.inspect}" },
                            more: "resolver #{authority.dns.address.inspect}")

    shown = await_certificate(proxy, "any.example.com", limit: 40)

    expect(names_of(shown)).to contain_exactly("example.com", "*.example.com")
    eventually(limit: 10) { expect(authority.dns.records).to be_empty }
    expect(api.refused).to eq(0)
  end

  it "examples/https_on_demand.rb gets certificates for customers alone" do
    list = File.join(directory, "customers.txt")
    File.write(list, "shop.example.org\n")
    proxy = start_certified("https_on_demand.rb", { "customers.txt" => list })

    expect(names_of(certificate(proxy, "shop.example.org"))).to eq(["shop.example.org"])
    expect(TlsClient.refusal(https(proxy), name: "other.example.org")).to include("unrecognized name")
  end
end
