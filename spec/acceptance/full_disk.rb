# frozen_string_literal: true

require "support/acme"

# A storage without room, on a small file system of its own: for root.
RSpec.describe "A disk that is full", :integration, :acme, time_limit: 180 do
  let(:disk) { "#{directory}/disk" }

  before do
    FileUtils.mkdir_p(disk)
    system("mount", "-t", "tmpfs", "-o", "size=128k", "none", disk, exception: true)
  end

  after { system("umount", disk) }

  def fill
    File.open("#{disk}/filler", "wb") { |file| loop { file.syswrite("x" * 4096) } }
  rescue Errno::ENOSPC
    nil
  end

  # What the command says, whether it fails or not.
  def renew(process)
    process.command("certificates", "renew", "a.example.com").lines.last
  rescue RuntimeError => error
    error.message.lines.last
  end

  it "leaves certificates served, orders nothing that could not be kept, and goes on when there is room" do
    authority = start_authority
    process = start_managed_process(authority, "a.example.com", acme: { storage: "#{disk}/acme" })
    before = await_certificate(process, "a.example.com")
    orders = authority.orders
    fill

    renewal = renew(process)
    puts "full storage: #{renewal}"
    expect(renewal).to match(/is full: make room/)
    expect(certificate(process, "a.example.com").serial).to eq(before.serial)
    expect(authority.orders).to eq(orders)

    File.delete("#{disk}/filler")
    puts "with room: #{renew(process)}"
    await_certificate(process, "a.example.com", unlike: before, limit: 40)
    expect(authority.orders).to eq(orders + 1)
  ensure
    process&.process&.stop
  end

  it "does not order for a new name before there is room" do
    authority = start_authority
    FileUtils.mkdir_p("#{disk}/acme")
    fill
    process = start_managed_process(authority, "a.example.com", acme: { storage: "#{disk}/acme" })

    said = process.await(/a\.example\.com: .*is full: make room.*/, limit: 30)
    puts "full from the start: #{said}"
    expect(authority.orders).to eq(0)
    expect(authority.pebble.accounts).to eq(0)
  ensure
    process&.process&.stop
  end
end
