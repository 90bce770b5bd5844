# frozen_string_literal: true

require "open3"
require "rbconfig"

RSpec.describe "examples/" do
  programs, proxyfiles = Dir["examples/*.rb", "examples/rails/Proxyfile"].partition do |path|
    File.read(path).include?('require "proxy"')
  end

  it "has the examples that the documentation promises" do
    expect((programs + proxyfiles).map { |path| File.basename(path) })
      .to contain_exactly("simple.rb", "failover.rb", "unix_socket.rb", "custom_errors.rb", "grpc.rb", "embedded.rb",
                          "https.rb", "https_wildcard.rb", "https_on_demand.rb", "from_nginx.rb", "from_caddy.rb",
                          "from_haproxy.rb", "Proxyfile")
  end

  proxyfiles.each do |path|
    it "#{path} is right" do
      expect(Proxy.check(path).map(&:to_s)).to eq([])
    end

    # Those that get certificates would ask Let's Encrypt for them: spec/integration/acme_examples_spec.rb starts them.
    next if File.basename(path).start_with?("https")

    # With a garbage collection at every allocation, the long examples would take minutes and show nothing new.
    it "#{path} starts", binding: !path.include?("from_") do
      server = Proxy.start(path, binds: ["http://127.0.0.1:0"])

      expect(server.urls.length).to eq(1)
    ensure
      server&.stop(timeout: 0)
    end
  end

  it "examples/embedded.rb prints the answers of both backends in turn", :binding do
    output, status = Open3.capture2e(RbConfig.ruby, "-W", "-Ilib", "examples/embedded.rb")

    expect(status.success?).to be(true), output
    expect(output.scan(/hello from backend (\w+)/).flatten.tally).to eq("one" => 2, "two" => 2)
    expect(output).to end_with("answered 4 requests\n")
  end
end
