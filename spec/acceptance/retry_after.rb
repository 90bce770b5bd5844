# frozen_string_literal: true

require "support/acme"
require "time"

# A rate limit with `Retry-After: 90`, with a restart in between.
RSpec.describe "Retry-After: 90", :integration, :acme, time_limit: 300 do
  it "is obeyed to the second across a restart" do
    authority = start_authority
    front = start_front(authority)
    refusal = AcmeFront.problem(429, "rateLimited", { "Retry-After" => "90" })
    front.spoil("/order-plz", times: 1) { |client| client.write refusal }
    process = start_managed_process(authority, "a.example.com", url: front.url)
    state = "#{directory}/states/a.example.com.json"
    eventually(limit: 10) { expect(File.exist?(state) && File.read(state)).to include("so says the test") }
    process.kill

    process.start
    authority.lead_to(process)
    asked, again = front.await("/order-plz", count: 2, limit: 200).map(&:at)
    await_certificate(process, "a.example.com", limit: 30)

    puts format("asked again after %.1f s", again - asked)
    expect(again - asked).to be_between(90, 101)
  end

  it "as a date is obeyed too" do
    authority = start_authority
    front = start_front(authority)
    front.spoil("/order-plz", times: 1) do |client|
      client.write AcmeFront.problem(429, "rateLimited", { "Retry-After" => (Time.now + 75).httpdate })
    end
    process = start_managed_process(authority, "a.example.com", url: front.url)

    asked, again = front.await("/order-plz", count: 2, limit: 200).map(&:at)

    puts format("asked again after %.1f s", again - asked)
    expect(again - asked).to be_between(74, 86)
    await_certificate(process, "a.example.com", limit: 30)
  end

  it "is not needed for an authority that says nothing at all: the next one is asked" do
    authority = start_authority
    other = start_authority
    front = start_front(authority)
    front.spoil("/") { sleep }
    took = seconds do
      proxy = start_managed([authority, other], "a.example.com", url: [front.url, other.url])
      await_certificate(proxy, "a.example.com", limit: 250)
    end

    puts format("after a silent authority, the next one's certificate came after %.1f s", took)
    expect(other.orders).to eq(1)
  end
end
