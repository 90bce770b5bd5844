# frozen_string_literal: true

RSpec.describe Proxy::Native, :binding do
  let(:configuration) do
    Proxy::Config.load do
      bind "http://127.0.0.1:0"
      threads 1
      location "/a", "/b/*" do
        proxy to: "http://a.example{path}", backends: ["127.0.0.1:3001"],
              headers: { "A" => ["b", { rewrite: "{addr}" }], "C" => nil },
              error_response: { status: 503, json: { inline: { message: "Down" } }, headers: { "D" => "e" } },
              forwarded_headers: :rfc7239
      end
      static_response body: "rest", headers: { "A" => "b" }
    end
  end

  it "understands every shape that the language produces" do
    expect(described_class.check(configuration.to_h)).to be_an(Array)
  end

  it "says where a Hash does not fit" do
    expect { described_class.check("routes" => [{ "proxy" => { "timeout" => "30" } }]) }
      .to raise_error(ArgumentError, /routes\[0\]\.proxy\.timeout: .*expected f64, got string "30"/)
  end

  it "refuses a key that the engine does not know" do
    expect { described_class.check("routs" => []) }.to raise_error(ArgumentError, /unknown field `routs`/)
  end

  it "cannot be made without a start" do
    expect { Proxy::Native::Server.new }.to raise_error(TypeError)
    expect { Proxy::Native::Server.allocate }.to raise_error(TypeError)
  end

  it "reports what only the engine can see, with the line of the directive" do
    problems = Proxy.check { proxy to: "http://a.example", backends: ["not an address"] }

    expect(problems.map { |problem| [problem.file, problem.line, problem.directive, problem.severity] })
      .to include([__FILE__, __LINE__ - 3, "proxy", :error])
    expect(problems.map(&:message)).to include(/not an address/)
  end
end
