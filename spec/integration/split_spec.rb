# frozen_string_literal: true

require "support/integration"

RSpec.describe "the filter split" do
  let(:old) { backend_answering("old") }
  let(:canary) { backend_answering("new") }

  # Bodies for so many clients of their own.
  def served(proxy, count = 200)
    client = proxy.connect
    Array.new(count) { |uid| client.get("/", "Cookie" => "uid=#{uid}").body }
  end

  def split_proxy(*arguments, **options)
    stable, canary = [old, self.canary].map(&:address)
    start_proxy do
      upstream "v2", backends: [canary]
      location "/*" do
        split(*arguments, **options)
        proxy backends: [stable]
      end
    end
  end

  it "sends so many clients to another upstream, and rollouts move nobody back" do
    proxy = split_proxy(by: { cookie: "uid" }, "v2" => 10)
    before = served(proxy)
    expect(before.tally["new"]).to be_between(5, 40)
    expect(proxy.server.rollout("v2", 50)).to be(proxy.server)
    after = served(proxy)
    expect(after.tally["new"]).to be_between(70, 130)
    expect(before.zip(after)).not_to include(%w[new old])
    proxy.server.rollout(:v2, 0)
    expect(served(proxy)).to all(eq("old"))
  end

  it "gives clients without a value a cookie of its own, with the same secret in another process" do
    secret = "0123456789abcdef"
    first, second = Array.new(2) { split_proxy({ "v2" => 50 }, by: :client, secret: secret) }
    20.times do
      response = first.get
      cookie = response["Set-Cookie"][/\A(proxy_split=\h{48});/, 1]
      again = second.get("/", "Cookie" => cookie)
      expect([again.body, again["Set-Cookie"]]).to eq([response.body, nil])
    end
  end

  it "sends listed clients to the first upstream, and falls back while it is down" do
    proxy = split_proxy(by: { header: "X-Account" }, allow: %w[ann], "v2" => 0)
    get = ->(account) { proxy.get("/", "X-Account" => account).body }
    expect([get["ann"], get["bob"]]).to eq(%w[new old])
    proxy.server.down("v2")
    expect(get["ann"]).to eq("old")
  end

  it "refuses rollouts that cannot be" do
    proxy = split_proxy("v2" => 10)
    expect { proxy.server.rollout("v3", 10) }
      .to raise_error(ArgumentError, '"v3" is not a valid upstream of a split: write one of v2')
    expect { proxy.server.rollout("v2", 101) }.to raise_error(ArgumentError, /write per cent from 0 to 100/)
  end
end
