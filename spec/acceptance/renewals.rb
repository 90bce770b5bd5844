# frozen_string_literal: true

require "support/acme"

# Certificates that live for two minutes, with handshakes all the time.
RSpec.describe "Renewal of certificates of two minutes", :integration, :acme, time_limit: 600 do
  # Makes handshakes until the block is over. Each must be answered with a certificate that is still good.
  def shaking_hands(proxy, name)
    over = false
    counting = in_background do
      (1..).each do |count|
        shown = certificate(proxy, name) or raise "handshake #{count} was refused"
        raise "handshake #{count}: the certificate has expired" if shown.not_after < Time.now
        break count if over

        sleep 0.01
      end
    end
    yield
    over = true
    counting.value
  end

  # Seconds of life after which each of `count` certificates was replaced.
  def replaced(proxy, name, count)
    before = await_certificate(proxy, name)
    Array.new(count) do
      after = await_certificate(proxy, name, unlike: before, limit: 150)
      (after.not_before - before.not_before).tap { before = after }
    end
  end

  def trial(what, count, **options)
    authority = start_authority(profiles: { "brief" => 120 })
    front = start_front(authority)
    yield front
    proxy = start_managed(authority, "a.example.com", url: front.url, profile: "brief", **options)
    await_certificate(proxy, "a.example.com")
    ages = nil
    handshakes = shaking_hands(proxy, "a.example.com") { ages = replaced(proxy, "a.example.com", count) }
    puts "#{what}: replaced at the age of #{ages.map(&:round).join(", ")} s, #{handshakes} handshakes, none failed, " \
         "#{authority.orders} orders"
    [ages, authority, front]
  end

  it "takes place at a moment of the authority's window" do
    ages, authority, front = trial("with a window", 3) { nil }

    expect(ages).to all(be_between(0, 120))
    expect(authority.pebble.log).to include("is a replacement of")
    expect(front.seen("/draft-ietf-acme-ari-03/").size).to be >= 3
  end

  it "takes place at half of the life without a window" do
    ages, = trial("without a window", 2) do |front|
      front.alter("/draft-ietf-acme-ari-03/") { AcmeFront.problem(404, "malformed") }
    end

    expect(ages).to all(be_between(55, 75))
  end

  it "does not wait for a window that begins after the end" do
    window = { suggestedWindow: { start: "2099-01-01T00:00:00Z", end: "2099-01-02T00:00:00Z" } }
    ages, = trial("with a window in the year 2099", 1) do |front|
      body = JSON.generate(window)
      front.alter("/draft-ietf-acme-ari-03/") do
        AcmeFront.answer(200, { "Content-Type" => "application/json", "Retry-After" => "21600" }, body)
      end
    end

    expect(ages).to all(be_between(55, 75))
  end
end
