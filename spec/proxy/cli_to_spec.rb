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
    "3000" => /"3000" is a port alone: write localhost:3000/,
    ":3000" => /":3000" is a port alone: write localhost:3000/,
    "localhost:0" => /"localhost:0" is .*address: the port must be a number from 1 to 65535/,
    "/run/app.sock" => %r{"/run/app\.sock" is .*address: for a unix socket write "unix:/run/app\.sock"},
    "ftp://a" => %r{"ftp://a" is .*address: the scheme "ftp" is unknown; write http://, https://, h2:// or unix:, or leave it out}
  }.each do |address, message|
    it "says what is wrong with #{address}" do
      _, err, status = run_command("start", "--to", address)

      expect([err, status]).to match([/\A--to: #{message}\n--to #{address} has 1 error; nothing was started\.\n\z/, 1])
    end
  end

  it "tells no password" do
    expect(run_command("check", "--to", "user:secret@host")[1]).to start_with('--to: "…@host" is ').and(satisfy { |text| !text.include?("secret") })
  end

  it "goes with -b, whose mistakes are told as ever" do
    expect(run_command("start", "--to", "a", "-b", "b")[1]).to start_with('bind: "b" is ')
  end

  %w[start check routes].each do |command|
    it "does not go with -c (#{command})" do
      expect(run_command(command, "--to", "a", "-c", "Proxyfile"))
        .to eq(["", "proxy #{command}: -c and --to exclude each other: leave one of them out\n`proxy help #{command}` says what it takes.\n", 64])
    end
  end
end
