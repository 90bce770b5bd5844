# frozen_string_literal: true

require "support/hand_over"

RSpec.describe "SIGUSR2" do
  include HandOver

  it "starts a new process on the same sockets, and the old one ends with 0" do
    proxy = start("static_response body: 'old'")
    expect(proxy.get.body).to eq("old")
    rewrite("static_response body: 'new'")
    successor = hand_over
    expect(proxy.get.body).to eq("new")
    expect(first_status).to eq(0)
    expect(proxy.get.body).to eq("new")
    expect(alive?(successor)).to be(true)
  end
end
