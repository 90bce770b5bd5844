# frozen_string_literal: true

require "support/acme"

RSpec.describe "Renewal of certificates", :acme, time_limit: 60 do
  let(:authority) { start_authority }
  let(:front) { start_front(authority) }

  # Makes handshakes until the block is over, and returns how many there were. Each must be answered with a certificate
  # that is still good.
  def shaking_hands(proxy, name)
    running = true
    counting = in_background do
      count = 0
      while running
        shown = certificate(proxy, name) or raise "handshake #{count} was refused"
        raise "the certificate had expired at handshake #{count}" if shown.not_after < Time.now

        count += 1
      end
      count
    end
    yield
    running = false
    counting.value
  end

  it "takes place when the authority says so, and no handshake fails meanwhile" do
    # Pebble wants to be asked again after six hours.
    front.alter("/draft-ietf-acme-ari-03/") { |response| response.sub(/^Retry-After: \d+/i, "Retry-After: 1") }
    proxy = start_managed(authority, "a.example.com", url: front.url)
    before = await_certificate(proxy, "a.example.com")
    front.await("/draft-ietf-acme-ari-03/")

    handshakes = shaking_hands(proxy, "a.example.com") do
      authority.pebble.suggest_renewal(before, Time.now - 7200, Time.now - 3600)
      await_certificate(proxy, "a.example.com", unlike: before, limit: 40)
    end

    expect(handshakes).to be > 2
    expect(authority.orders).to eq(2)
    expect(authority.pebble.log).to include("is a replacement of")
  end

  it "takes place with half of a short life left where the authority says nothing, and no handshake fails" do
    authority = start_authority(profiles: { "tiny" => 14 })
    front = start_front(authority)
    front.alter("/dir") { |response| without_renewal_info(response) }
    proxy = start_managed(authority, "a.example.com", url: front.url)
    before = await_certificate(proxy, "a.example.com")

    shaking_hands(proxy, "a.example.com") do
      await_certificate(proxy, "a.example.com", unlike: before, limit: 40)
    end

    expect(front.seen("/draft-ietf-acme-ari-03/")).to be_empty
  end

  it "takes place when the configuration says so" do
    authority = start_authority(profiles: { "brief" => 120 })
    proxy = start_managed(authority, "a.example.com", profile: "brief", renew: 110)
    before = await_certificate(proxy, "a.example.com")

    after = await_certificate(proxy, "a.example.com", unlike: before, limit: 45)

    expect(after.not_before).to be_between(before.not_before + 9, before.not_before + 45)
  end

  it "takes place when somebody asks for it" do
    proxy = start_managed(authority, "a.example.com")
    before = await_certificate(proxy, "a.example.com")

    # The first order may still be stored and settled: its certificate was shown before, so it is not the answer.
    proxy.server.renew_certificate("a.example.com")

    await_certificate(proxy, "a.example.com", unlike: before)
    expect(authority.orders).to eq(2)
  end

  it "tells those who listen of one that could not be renewed, and why" do
    told = Queue.new
    front = start_front(authority)
    proxy = start_managed(authority, "a.example.com", url: front.url) do
      on(:certificate_expiring, days: 365) { |event| told << event }
    end
    await_certificate(proxy, "a.example.com")
    front.spoil("/order-plz", &:reset)

    proxy.server.renew_certificate("a.example.com")

    event = told.pop
    expect(event).to have_attributes(names: ["a.example.com"], bind: nil, why: /\S/)
    expect(event.expires).to be > Time.now
  end

  it "waits as after a failure if it would be due again at once, as with a clock that is wrong" do
    brief = start_authority(profiles: { "short" => 60 })
    proxy = start_managed(brief, "a.example.com", renew: 0.999)

    said = await_listed(proxy, "a.example.com", limit: 30) { |one| one&.last_error }

    expect(said.last_error).to include("clock is wrong")
    expect(said.next_attempt).to be > Time.now + 30
    expect(certificate(proxy, "a.example.com")).not_to be_nil
  end

  # The directory of an authority that knows no RFC 9773.
  def without_renewal_info(response)
    head, body = response.split("\r\n\r\n", 2)
    body = JSON.generate(JSON.parse(body).except("renewalInfo"))
    "#{head.sub(/^Content-Length: \d+/i, "Content-Length: #{body.bytesize}")}\r\n\r\n#{body}"
  end
end
