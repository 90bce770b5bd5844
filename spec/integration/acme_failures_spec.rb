# frozen_string_literal: true

require "support/acme"

too_many = ->(seconds) { AcmeFront.problem(429, "rateLimited", { "Retry-After" => seconds.to_s }, "so says the test") }
page = AcmeFront.answer(503, { "Content-Type" => "text/html" }, "<h1>Sorry</h1>")

RSpec.describe "Failures of an authority", :acme, time_limit: 60 do
  let(:authority) { start_authority }
  let(:front) { start_front(authority) }

  # A second authority, for what the first does not issue.
  let(:other) { start_authority }

  {
    "says that there were too many orders" => ->(client) { client.write too_many.call(90) },
    "answers with a page of HTML" => ->(client) { client.write page },
    "resets connections" => :reset.to_proc
  }.each do |what, work|
    { "/dir" => "asked for its directory", "/order-plz" => "asked for a certificate" }.each do |path, when_asked|
      it "are made good by the next authority: one that #{what}, #{when_asked}" do
        front.spoil(path, &work)
        proxy = start_managed([authority, other], "a.example.com", url: [front.url, other.url])

        await_certificate(proxy, "a.example.com", limit: 30)

        expect(front.seen(path)).not_to be_empty
        expect([authority.orders, other.orders]).to eq([0, 1])
      end
    end
  end

  it "are said in a line, with the next attempt no sooner than Retry-After has it" do
    front.spoil("/order-plz") { |client| client.write too_many.call(900) }
    proxy = start_managed(authority, "a.example.com", url: front.url)

    said = await_listed(proxy, "a.example.com") { |one| one&.last_error }

    asked = front.seen("/order-plz").first.at
    expect(said.next_attempt).to be_between(asked + 899, asked + 1100)
    expect(said.last_error).to include("so says the test")
  end

  it "outlive the process: a start does not ask again before its time" do
    front.spoil("/order-plz") { |client| client.write too_many.call(900) }
    first = start_managed(authority, "a.example.com", url: front.url)
    await_listed(first, "a.example.com") { |one| one&.last_error }
    first.stop
    asked = front.seen("/order-plz").size

    again = start_managed(authority, "a.example.com", "b.example.com", url: front.url)

    # The second name is asked for, and the first is not.
    await_listed(again, "b.example.com") { |one| one&.last_error }
    expect(listed(again, "a.example.com").last_error).to include("so says the test")
    expect(front.seen("/order-plz").size).to be <= asked + 1
  end

  it "of one name leave the others their certificates" do
    refusing = start_authority(blocked: ["blocked.example.com"])
    proxy = start_managed(refusing, "blocked.example.com", "a.example.com")

    await_certificate(proxy, "a.example.com")

    said = await_listed(proxy, "blocked.example.com") { |one| one&.last_error }
    expect(said.next_attempt).to be > Time.now
  end

  {
    "an unknown profile" => [{ profile: "golden" }, /golden/],
    "a certificate of the directory that nobody trusts" => [{ ca_file: nil }, /certificate/i]
  }.each do |what, (options, message)|
    it "come in a clear line with #{what}" do
      proxy = start_managed(authority, "a.example.com", **options)

      expect(await_listed(proxy, "a.example.com") { |one| one&.last_error }.last_error).to match(message)
    end
  end

  it "come in a clear line with an account that needs a binding" do
    bound = start_authority(bindings: { "kid-1" => Pebble::BINDING })
    proxy = start_managed(bound, "a.example.com")

    said = await_listed(proxy, "a.example.com") { |one| one&.last_error }
    expect(said.last_error).to match(/eab|binding/i)
  end

  it "of the directory's own certificate, which has expired, come in a clear line" do
    expired = start_front(authority, certs.server("127.0.0.1", validity: Time.now - 7200..Time.now - 3600))
    proxy = start_managed(authority, "a.example.com", url: expired.url)

    said = await_listed(proxy, "a.example.com") { |one| one&.last_error }
    expect(said.last_error).to match(/expired/i)
  end
end
