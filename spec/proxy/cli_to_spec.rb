# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "proxy --to" do
  include Proxyfiles

  it "is checked without a file" do
    expect(run_command("check", "--to", "localhost:3000", "--to", "unix:tmp/puma.sock"))
      .to eq(["--to localhost:3000 --to unix:tmp/puma.sock is fine: 1 bind, 1 route\n", "", 0])
  end

  it "is told of by routes" do
    expect(run_command("routes", "--to", "localhost:3000"))
      .to eq(["--to localhost:3000, by line:\n\n     proxy\n       backends: localhost:3000\n", "", 0])
  end

  {
    %w[3000] => '"3000" is a port alone: write localhost:3000',
    %w[:3000] => '":3000" is a port alone: write localhost:3000',
    %w[localhost:0] => '"localhost:0" is no address: the port must be a number from 1 to 65535',
    %w[/run/app.sock] => '"/run/app.sock" is no address: for a unix socket write "unix:/run/app.sock"',
    %w[ftp://a] => '"ftp://a" is no address: the scheme "ftp" is unknown; write http://, https://, h2:// or unix:, or leave it out'
  }.each do |addresses, message|
    it "says what is wrong with #{addresses.join(" ")}" do
      _, err, status = run_command("start", *addresses.flat_map { |address| ["--to", address] })

      expect([err, status]).to eq(["--to: #{message}\n--to #{addresses.first} has 1 error; nothing was started.\n", 1])
    end
  end

  it "tells no password" do
    expect(run_command("check", "--to", "user:secret@host")[1]).to start_with('--to: "…@host" is no address').and(satisfy { |text| !text.include?("secret") })
  end

  it "goes with -b, whose mistakes are told as ever" do
    expect(run_command("start", "--to", "a", "-b", "b")[1]).to start_with('bind: "b" is no URL')
  end

  %w[start check routes].each do |command|
    it "does not go with -c (#{command})" do
      expect(run_command(command, "--to", "a", "-c", "Proxyfile"))
        .to eq(["", "proxy #{command}: -c and --to exclude each other: leave one of them out\n`proxy help #{command}` says what it takes.\n", 64])
    end
  end
end
