# frozen_string_literal: true

require "support/integration"

RSpec.describe "backend_priority random" do
  it "reaches every backend" do
    proxy = start_proxy(to: %w[a b c].map { |name| backend_answering(name) }, backend_priority: "random")
    client = proxy.connect
    # A backend is missed with a chance of 3 * (2/3)^120, which is below 10^-20.
    expect(Array.new(120) { client.get.body }.uniq).to contain_exactly("a", "b", "c")
  end
end
