# frozen_string_literal: true

require "json"
require "open3"
require "support/acme"

RSpec.describe "proxy certificates, beside a proxy that runs", :acme, time_limit: 60 do
  let(:authority) { start_authority }
  let(:proxy) { start_managed(authority, "a.test", challenge: "http-01", profile: "default") }

  # Runs the command with the same configuration.
  def command(*arguments)
    acme = { **authority.options, storage: directory, challenge: "http-01" }
    File.write("#{directory}/Proxyfile", <<~RUBY)
      acme #{acme.map { |name, value| "#{name}: #{value.inspect}" }.join(", ")}
      bind "https://0.0.0.0:443"
      host("a.test") { static_response body: "" }
    RUBY
    out, err, status = Open3.capture3(RbConfig.ruby, "-Ilib", "exe/proxy", "certificates", *arguments,
                                      "-c", "#{directory}/Proxyfile")
    [out, err, status.exitstatus]
  end

  it "renews a certificate early, and shows it" do
    # Until then the bind, which is one for development, shows its own.
    sleep 0.02 until proxy.server.certificates.any? { |one| one.kind == :managed && one.expires }
    before = await_certificate(proxy, "a.test")
    expect(command("renew", "a.test")).to eq(["a.test has a new certificate.\n", "", 0])
    after = await_certificate(proxy, "a.test", unlike: before)
    expect(authority.orders).to eq(2)

    out, err, status = command("--json")
    expect([err, status]).to eq(["", 0])
    listed = JSON.parse(out).fetch("certificates")
    expect(listed.map { |one| one.values_at("names", "kind", "authority", "failures", "last_error") })
      .to eq([[["a.test"], "managed", authority.url, 0, nil]])
    expect(listed.first.fetch("expires")).to eq(after.not_after.getutc.strftime("%FT%TZ"))
    expect(listed.first.fetch("next_attempt")).to be_between(Time.now.utc.strftime("%FT%TZ"), listed.first["expires"])
    expect(proxy.server.certificates.map { |one| [one.kind, one.names, one.expires] })
      .to include([:managed, ["a.test"], after.not_after])
  end
end
