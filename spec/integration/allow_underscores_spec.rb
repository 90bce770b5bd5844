# frozen_string_literal: true

require "support/integration"

RSpec.describe "allow_underscores" do
  it "names the fields with an underscore that are passed on" do
    backend = start_backend
    proxy = start_proxy(to: backend, allow_underscores: ["X_Legacy"])
    proxy.get("/", "x_legacy" => "1", "x_other" => "2")
    expect(backend.request["x_legacy"]).to eq("1")
    expect(backend.request.names).not_to include("x_other")
  end
end
