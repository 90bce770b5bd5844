# frozen_string_literal: true

require "json"
require_relative "proxyfiles"
require "support/certs"

RSpec.describe "proxy certificates" do
  include Proxyfiles

  let(:certs) { Certs.new }
  let(:site) { certs.server("app.example", "*.shop.example") }
  let(:day) { ->(time) { time.getutc.strftime("%F %H:%M") } }

  after { certs.remove }

  # A Proxyfile whose storage knows something of these certificates, each by its subject.
  def proxyfile(**states)
    write("site.pem", site.certificate.to_pem + site.key.to_pem)
    states.each { |subject, state| write("acme/states/#{subject}.json", state.to_json) }
    write("Proxyfile", <<~RUBY)
      acme storage: "acme", authority: "https://ca.example/dir"
      bind "https://0.0.0.0:443"
      bind "https://0.0.0.0:8443", certificate: "site.pem"
      host("a.example.org", "b.example.org") { static_response body: "" }
    RUBY
  end

  # A moment as it stands in storage.
  def moment(time) = { secs_since_epoch: time.to_i, nanos_since_epoch: 0 }

  it "lists what binds show, and what the proxy tries to get, with what went wrong" do
    soon = Time.at(Time.now.to_i + 7200)
    state = { names: ["a.example.org"], failures: 2, next_attempt: moment(soon), last_error: "ca: no answer" }
    proxyfile("a.example.org": state, "old.example.org": { names: ["old.example.org"] })
    out, err, status = run_command("certificates")

    expect([err, status]).to eq(["", 0])
    expect(out.lines(chomp: true).map { |line| line.split(/ {2,}/) }).to eq(
      [["NAMES", "KIND", "FROM", "EXPIRES (UTC)", "NEXT ATTEMPT (UTC)"],
       ["app.example, *.shop.example", "file", "https://0.0.0.0:8443", day[site.certificate.not_after], "-"],
       ["a.example.org", "managed", "-", "none yet", day[soon]], ["", "failed (2 times): ca: no answer"],
       ["b.example.org", "managed", "-", "none yet", "-"], ["old.example.org", "managed", "-", "none yet", "-"]]
    )
  end

  it "says of what it tries to get that storage cannot be written" do
    proxyfile("old.example.org": { names: ["old.example.org"] })
    write("Proxyfile", File.read("#{directory}/Proxyfile").sub('"acme"', '"site.pem/acme"'))

    listed = JSON.parse(run_command("certificates", "--json").first, symbolize_names: true)[:certificates]
    expect(listed.to_h { |one| [one[:names].first, one[:last_error]] }).to match(
      "app.example" => nil, "a.example.org" => /site\.pem.*a file where a folder belongs/, "b.example.org" => String
    )
  end

  it "keeps what others have written from the cursor" do
    proxyfile("a.example.org": { names: ["a.example.org"], failures: 1, last_error: "ca:\e[2J no\n\r\nanswer\n" })

    expect(run_command("certificates").first).to include("\n  failed: ca: [2J no answer\n")
  end

  it "prints the same as JSON" do
    proxyfile("a.example.org": { names: ["a.example.org"], failures: 1, last_error: "ca: no answer" })
    out, err, status = run_command("certificates", "--json")
    listed = JSON.parse(out, symbolize_names: true)

    expect([err, status, listed[:file]]).to eq(["", 0, "Proxyfile"])
    none = { bind: nil, authority: nil, expires: nil, next_attempt: nil, failures: 0, last_error: nil }
    expect(listed[:certificates]).to eq(
      [{ **none, names: ["app.example", "*.shop.example"], kind: "file", bind: "https://0.0.0.0:8443",
                 expires: site.certificate.not_after.getutc.strftime("%FT%TZ") },
       { **none, names: ["a.example.org"], kind: "managed", failures: 1, last_error: "ca: no answer" },
       { **none, names: ["b.example.org"], kind: "managed" }]
    )
  end

  it "names no next attempt for a certificate that no host needs any more" do
    later = { next_attempt: moment(Time.now + 86_400) }
    proxyfile("a.example.org": { names: ["a.example.org"], **later },
              "old.example.org": { names: ["old.example.org"], **later })
    attempts = lambda do
      listed = JSON.parse(run_command("certificates", "--json").first).fetch("certificates")
      listed.to_h { |one| [one["names"].first, one["next_attempt"]] }
    end
    expect(attempts.call).to include("a.example.org" => String, "old.example.org" => nil)

    write("Proxyfile", File.read("#{directory}/Proxyfile").sub("acme ", "acme on_demand: ->(_) { true }, "))
    expect(attempts.call).to include("old.example.org" => String)
  end

  it "renews nothing that there is not" do
    proxyfile
    _, err, status = run_command("certificates", "renew", "c.example.org")
    expect([err, status]).to eq(
      ["proxy certificates: \"c.example.org\" is not in a managed certificate: there are a.example.org, " \
       "b.example.org\n", 1]
    )

    proxyfile("old.example.org": { names: ["old.example.org"] })
    _, err, status = run_command("certificates", "renew", "old.example.org")
    expect([err, status]).to eq(
      ["proxy certificates: \"old.example.org\" is not renewed any more: no host of the configuration needs its " \
       "certificate\n", 1]
    )

    write("Proxyfile", 'static_response body: ""')
    _, err, status = run_command("certificates", "renew", "c.example.org")
    expect([err, status]).to eq(
      ["proxy certificates: the configuration has no acme, so there is nothing to renew\n", 1]
    )
  end

  # The part of the proxy that runs: it takes the wish, and leaves a state.
  def take(name, **state)
    Thread.new do
      wish = "#{directory}/acme/requests/#{name}"
      sleep 0.01 until File.exist?(wish)
      File.delete(wish)
      write("acme/states/#{name}.json", state.to_json)
    end
  end

  it "waits for a renewal, and says why it failed" do
    proxyfile
    taking = take("a.example.org", names: ["a.example.org"], failures: 1, last_error: "ca: no answer")
    out, err, status = run_command("certificates", "renew", "A.example.org")

    expect([out, err, status]).to eq(["", "A.example.org was not renewed: ca: no answer\n", 1])
  ensure
    taking&.join
  end

  it "ends when it is interrupted while it waits" do
    proxyfile
    reader, writer = IO.pipe
    pid = spawn(*Proxyfiles::COMMAND, "certificates", "renew", "a.example.org", chdir: directory, err: writer)
    sleep 0.01 until File.exist?("#{directory}/acme/requests/a.example.org")
    Process.kill("INT", pid)
    Process.wait(pid)
    writer.close

    expect([reader.read, $?.exitstatus])
      .to eq(["a.example.org is not waited for any more. A proxy that has begun to renew it goes on.\n", 1])
    # A proxy that is started later does not find the wish.
    expect(Dir.children("#{directory}/acme/requests")).to be_empty
  ensure
    [reader, writer].each(&:close)
  end

  {
    %w[renew] => "renew needs a name: write renew example.com",
    %w[renew a b] => 'unexpected argument "b"',
    %w[lst] => 'unexpected argument "lst"',
    %w[renew a --json] => "--json belongs to the list: leave it out"
  }.each do |arguments, message|
    it "refuses #{arguments.join(" ")}" do
      _, err, status = run_command("certificates", *arguments)

      expect([err.lines.first.chomp, status]).to eq(["proxy certificates: #{message}", 64])
    end
  end
end
