# frozen_string_literal: true

require "support/acme"

# The class of the documentation that keeps all in one file, and a class that has troubles with some names: `folder` has
# a file for each of them, with `hang` or `raise` in it.
FILE_STORAGE = <<~RUBY.freeze
  require "pstore"
  #{File.read("docs/certificates.md")[/^class OneFile\n.*?^end$/m]}

  class TroubledFile < OneFile
    def initialize(path, folder) = super(path) && @folder = folder

    def load(key) = troubled(key) { super }

    def store(key, value) = troubled(key) { super }

    private

    def troubled(key)
      name = Dir.children(@folder).find { |name| key.include?(name) }
      case name && File.read(File.join(@folder, name))
      when "hang" then sleep
      when "raise" then raise IOError, "no connection to the database"
      else yield
      end
    end
  end
RUBY

RSpec.describe "Storage of certificates with troubles", :acme, time_limit: 60 do
  let(:authority) { start_authority }
  let(:names) { %w[a.example.com b.example.com c.example.com] }

  # Cuts a stored file in half, as a disk does that forgets its end.
  def cut(path)
    path = "#{directory}/#{path}"
    File.truncate(path, File.size(path) / 2)
  end

  # Text of a storage for a Proxyfile, and the folder of its troubles.
  let(:troubles) { "#{directory}/troubles".tap { |path| FileUtils.mkdir_p(path) } }

  def start_with_object(*hosts)
    File.write("#{directory}/storage.rb", FILE_STORAGE)
    object = "TroubledFile.new(#{"#{directory}/values.pstore".inspect}, #{troubles.inspect})"
    code = ManagedProcess::Code.new("(require #{"#{directory}/storage".inspect}; #{object})")
    start_managed_process(authority, *hosts, acme: { storage: code, challenge: "http-01" })
  end

  it "orders anew only what is damaged, and says so" do
    process = start_managed_process(authority, *names)
    before = names.to_h { |name| [name, await_certificate(process, name)] }
    process.end_itself
    cut("certificates/a.example.com.pem")
    cut("states/b.example.com.json")
    cut(Dir.children("#{directory}/accounts").map { |name| "accounts/#{name}" }.fetch(0))

    process.start
    authority.lead_to(process)

    process.await(/a\.example\.com: .*stored certificate .*is ordered anew/)
    process.await(/b\.example\.com: .*state in storage was damaged, and is made anew/)
    await_certificate(process, "a.example.com", unlike: before["a.example.com"], limit: 30)
    %w[b.example.com c.example.com].each do |name|
      expect(certificate(process, name).serial).to eq(before[name].serial)
    end
    expect(authority.orders).to eq(4)
  end

  it "is one for several processes, and for the command, if it is a Ruby object" do
    first, second = Array.new(2) { start_with_object(*names) }
    authority.lead_to(first, second)

    serials = [first, second].map { |process| names.map { |name| await_certificate(process, name, limit: 30).serial } }

    expect(serials.uniq.size).to eq(1)
    expect([authority.orders, authority.pebble.accounts]).to eq([3, 1])
    listed = second.certificates[:certificates]
    expect(listed.map { |one| one.values_at(:names, :failures, :last_error) })
      .to match_array(names.map { |name| [[name], 0, nil] })
    before = certificate(first, "a.example.com").serial
    expect(first.command("certificates", "renew", "a.example.com")).to include("a.example.com has a new certificate.")
    # One of them has renewed it; the other sees that within a minute.
    eventually(limit: 15) do
      shown = [first, second].map { |process| certificate(process, "a.example.com").serial }
      expect(shown - [before]).not_to be_empty
    end
    expect(File.stat("#{directory}/values.pstore").mode & 0o077).to eq(0)
  end

  { "raise" => "raised IOError: no connection to the database", "hang" => "the block has not answered in time" }
    .each do |trouble, message|
      it "tells of an object whose calls #{trouble} for one name, and other names go on" do
        File.write("#{troubles}/b.example.com", trouble)
        process = start_with_object("a.example.com", "b.example.com")

        await_certificate(process, "a.example.com")
        process.await(/b\.example\.com: .*storage: load\(.*\) has no answer: #{Regexp.escape(message)}/, limit: 30)
        said = process.certificates[:certificates].to_h { |one| [one[:names], one[:last_error]] }
        expect(said).to match(["a.example.com"] => nil, ["b.example.com"] => a_string_including(message))
        expect(authority.orders).to eq(1)

        File.delete("#{troubles}/b.example.com")
        process.command("certificates", "renew", "b.example.com")
        await_certificate(process, "b.example.com", limit: 30)
      end
    end
end
