# frozen_string_literal: true

require "support/acme"

# Ten thousand certificates in storage.
RSpec.describe "Ten thousand stored certificates", :integration, :acme, time_limit: 600 do
  # Writes certificates as the proxy keeps them, for names.
  def fill(folder, names)
    FileUtils.mkdir_p("#{folder}/certificates", mode: 0o700)
    key = OpenSSL::PKey::EC.generate("prime256v1")
    names.each do |name|
      pair = certs.server(name, key: key)
      File.write("#{folder}/certificates/#{name}.pem", key.to_pem + pair.certificate.to_pem, perm: 0o600)
    end
  end

  # Seconds from the start to the first handshake for `name`, and resident memory after it.
  def first_handshake(process, name)
    shown = nil
    took = seconds { shown = certificate(process, name) }
    raise "#{name} got #{shown&.subject}" unless shown && names_of(shown) == [name]

    [took, process.process.memory]
  end

  it "serve within a second of the start, in under 30 MB" do
    names = Array.new(10_000) { |number| format("shop%05d.example.org", number) }
    fill(directory, names)
    authority = start_authority
    yes = "->(_name) { true }"
    empty = start_managed_process(authority, "app.example.com", on_demand: yes, acme: { storage: "#{directory}/none" })
    await_certificate(empty, "app.example.com")
    before = empty.process.memory

    begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    process = start_managed_process(authority, "app.example.com", on_demand: yes)
    up = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    took, memory = first_handshake(process, names.sample)
    some = names.sample(1_000)
    served = seconds { some.each { |name| first_handshake(process, name) } }

    puts format("started in %.2f s (Ruby included), first handshake %.0f ms later", up - begun, took * 1000)
    puts format("memory: %.1f MB with an empty storage, %.1f MB with 10,000 in it, %.1f MB after handshakes for 1,000",
                before / 1e6, memory / 1e6, process.process.memory / 1e6)
    puts format("1,000 other names: %.1f ms each", served)
    expect(took).to be < 1
    expect(memory - before).to be < 30_000_000
  end
end
