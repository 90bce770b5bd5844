# frozen_string_literal: true

require "base64"
require "support/acme"

# A client of ACME that does one thing: end an account with its own key.
class AccountEnd
  def initialize(file, directory)
    account = JSON.parse(File.read(file))["credentials"]
    @id = account["id"]
    @key = OpenSSL::PKey.read(Base64.urlsafe_decode64(account["key_pkcs8"]))
    @directory = URI(directory)
  end

  def call
    answer = request(Net::HTTP::Post.new(URI(@id).path, "Content-Type" => "application/jose+json").tap do |post|
      post.body = signed(status: "deactivated")
    end)
    raise "#{answer.code} #{answer.body}" unless answer.code == "200"
  end

  private

  def signed(payload)
    nonce = request(Net::HTTP::Head.new("/nonce-plz"))["Replay-Nonce"]
    head = encode(JSON.generate(alg: "ES256", kid: @id, nonce: nonce, url: @id))
    body = encode(JSON.generate(payload))
    parts = OpenSSL::ASN1.decode(@key.sign("SHA256", "#{head}.#{body}")).value.map { |part| part.value.to_s(2) }
    signature = parts.map { |part| part.rjust(32, "\0") }.join
    JSON.generate(protected: head, payload: body, signature: encode(signature))
  end

  def encode(text) = Base64.urlsafe_encode64(text, padding: false)

  def request(request)
    Net::HTTP.start(@directory.host, @directory.port, use_ssl: true, verify_mode: OpenSSL::SSL::VERIFY_NONE) do |http|
      http.request(request)
    end
  end
end

# What goes wrong around a proxy: its account, its storage, its clock.
RSpec.describe "A bad day", :integration, :acme, time_limit: 180 do
  def end_account(authority, folder)
    AccountEnd.new(Dir["#{folder}/accounts/*.json"].fetch(0), authority.url).call
  end

  it "with an account that has ended leaves certificates served, and says what to do or makes another" do
    authority = start_authority
    proxy = start_managed(authority, "a.example.com")
    await_certificate(proxy, "a.example.com")
    end_account(authority, directory)

    begin
      proxy.server.renew_certificate("a.example.com")
    rescue StandardError => e
      puts "renewal says: #{e.message}"
    end
    said = await_listed(proxy, "a.example.com") { |one| one.last_error || authority.pebble.accounts > 1 }

    puts "account ended: #{said.last_error || "another account was made"}"
    expect(certificate(proxy, "a.example.com")).not_to be_nil
  end

  it "with a storage that was deleted serves what it has, and goes on" do
    authority = start_authority
    proxy = start_managed(authority, "a.example.com")
    before = await_certificate(proxy, "a.example.com")
    FileUtils.rm_rf(directory)

    expect(certificate(proxy, "a.example.com").serial).to eq(before.serial)
    proxy.server.renew_certificate("a.example.com")
    await_certificate(proxy, "a.example.com", unlike: before, limit: 40)
    puts "storage deleted: renewed, with #{authority.pebble.accounts} accounts and #{authority.orders} orders"
  end

  it "with a storage that is read-only serves what it has, and says so" do
    authority = start_authority
    disk = "#{directory}/disk"
    FileUtils.mkdir_p(disk)
    system("mount", "-t", "tmpfs", "-o", "size=1m", "none", disk, exception: true)
    process = start_managed_process(authority, "a.example.com", acme: { storage: "#{disk}/acme" })
    before = await_certificate(process, "a.example.com")
    process.end_itself
    system("mount", "-o", "remount,ro", disk, exception: true)
    orders = authority.orders
    process.start
    authority.lead_to(process)

    expect(certificate(process, "a.example.com").serial).to eq(before.serial)
    renewal = (process.command("certificates", "renew", "a.example.com") rescue $!.message)
    puts "read-only storage: #{renewal.lines.last}"
    expect(renewal).to match(/read-only/i)
    expect(authority.orders).to eq(orders)
  ensure
    process&.process&.stop
    system("umount", disk)
  end

  it "with a storage that belongs to somebody else serves what it has, and says whose it is" do
    authority = start_authority
    folder = Dir.mktmpdir("of_root")
    FileUtils.chmod(0o755, [folder, File.dirname(certs.ca_file)])
    process = start_managed_process(authority, "a.example.com", acme: { storage: "#{folder}/acme" })
    before = await_certificate(process, "a.example.com")
    process.end_itself
    nobody = { command: %w[setpriv --reuid=65534 --regid=65534 --clear-groups], mode: 0o755 }
    other = start_managed_process(authority, "a.example.com", "b.example.com", acme: { storage: "#{folder}/acme" },
                                                                               **nobody)

    said = other.await(/acme: [ab]\.example\.com: storage .*belongs to root.*/, limit: 30)
    puts "wrong owner: #{said}"
    listed = other.certificates[:certificates].map { |one| one[:last_error] }
    puts "listed: #{listed.first}"
    expect(listed).to all(include("belongs to root, and this process runs as nobody: chown -R nobody"))
    expect(authority.orders).to eq(1)

    FileUtils.chown_R("nobody", nil, "#{folder}/acme")
    other.command("certificates", "renew", "b.example.com")
    await_certificate(other, "b.example.com", limit: 40)
    expect(certificate(other, "a.example.com").serial).to eq(before.serial)
  ensure
    [process, other].compact.each(&:stop)
    FileUtils.rm_rf(folder)
  end

  { "+1d" => "a day ahead", "-1d" => "a day behind" }.each do |shift, what|
    it "with a clock #{what} gets a certificate, or says that it is the clock" do
      day = 86_400
      pair = certs.server("127.0.0.1", validity: Time.now - 10 * day..Time.now + 10 * day)
      authority = start_authority(pair: pair)
      shifted = { environment: { "FAKETIME_DONT_FAKE_MONOTONIC" => "1" }, command: ["faketime", "-f", shift] }
      process = start_managed_process(authority, "a.example.com", **shifted)
      said = process.await(/clock|certificate for a\.example\.com|a\.example\.com.*certificate/i, limit: 60)
      puts "#{what}: #{said.pre_match.lines.last}#{said}#{process.process.output[said.end(0)..].lines.first}"
      expect(authority.orders).to be <= 2
    end
  end
end
