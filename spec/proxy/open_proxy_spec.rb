# frozen_string_literal: true

require "spec_helper"

RSpec.describe "a target whose host comes from the request" do
  def warnings(&configuration) = Proxy.check(&configuration).select(&:warning?).map(&:message)

  it "is warned of, since it goes wherever a client says" do
    expect(warnings { proxy to: "http://{host}{path}" }).to include(/goes wherever a client says/)
    expect(warnings { proxy to: "https://{X-Backend}:{port}{path}" }).to include(/goes wherever a client says/)
  end

  it "is nothing to warn of with backends, or with a part of the host written down" do
    expect(warnings { proxy to: "http://{host}{path}", backends: ["127.0.0.1:3000"] }).to eq([])
    expect(warnings { proxy to: "http://{host}.internal{path}" }).to eq([])
  end
end
