# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "proxy --to" do
  include Proxyfiles

  it "is checked without a file" do
    expect(run_command("check", "--to", "localhost:3000", "--to", "unix:tmp/puma.sock"))
      .to eq(["--to localhost:3000 --to unix:tmp/puma.sock is fine: 1 bind, 1 route\n", "", 0])
  end

  it "takes a socket with a comma in its name" do
    expect(run_command("check", "--to", "unix:/run/a,b.sock").last).to eq(0)
  end

  it "is told of by routes" do
    expect(run_command("routes", "--to", "localhost:3000"))
      .to eq(["--to localhost:3000, by line:\n\n     proxy\n       backends: localhost:3000\n", "", 0])
  end

  {
    "3000" => /"3000" is a port alone: write localhost:3000/,
    ":3000" => /":3000" is a port alone: write localhost:3000/,
    "a:1,b:2" => /"a:1,b:2" is several addresses: write each by itself, as "a:1" and "b:2"/,
    "localhost:3000/api" =>
      /"localhost:3000\/api" is .*address: a path does not belong here; leave it out, or put it into the `to` of a Proxyfile/,
    "me@localhost" =>
      /"me@localhost" is .*address: a user .*; set the Authorization header with `headers` in a Proxyfile/,
    "localhost:0" => /"localhost:0" is .*address: the port must be a number from 1 to 65535/,
    "/run/app.sock" => %r{"/run/app\.sock" is .*address: for a unix socket write "unix:/run/app\.sock"},
    "ftp://a" =>
      %r{"ftp://a" is .*address: the scheme "ftp" is unknown; write http://, https://, h2:// or unix:, or leave it out}
  }.each do |address, message|
    it "says what is wrong with #{address}" do
      _, err, status = run_command("start", "--to", address)

      expect([err, status]).to match([/\A--to: #{message}\n--to #{address} has 1 error; nothing was started\.\n\z/, 1])
    end
  end

  it "tells no password" do
    expect(run_command("check", "--to", "user:secret@host")[1])
      .to start_with('--to: "…@host" is ').and(satisfy { |text| !text.include?("secret") })
  end

  it "says what only a file can do about a path" do
    expect(run_command("check", "--to", "http://localhost:3000/api")[1])
      .to eq("warning: --to: \"http://localhost:3000/api\" has a path, which is ignored: leave it out, or write a " \
             "Proxyfile with proxy to: \"http://localhost:3000/api{path}{query}\"\n")
  end

  {
    %w[localhost:3000] => "proxy: there is no command \"localhost:3000\": write `proxy --to localhost:3000`",
    %w[http://localhost:3000] => "proxy: there is no command \"http://localhost:3000\": write `proxy --to " \
                                 "http://localhost:3000`",
    %w[3000] => "proxy: there is no command \"3000\": write `proxy --to localhost:3000`",
    %w[start [::1]:3000] => "proxy start: unexpected argument \"[::1]:3000\": write --to [::1]:3000",
    %w[start --to a:1 :3001] => "proxy start: unexpected argument \":3001\": write --to localhost:3001",
    %w[check unix:tmp/app.sock] => "proxy check: unexpected argument \"unix:tmp/app.sock\": write --to " \
                                   "unix:tmp/app.sock",
    %w[start now] => "proxy start: unexpected argument \"now\""
  }.each do |arguments, message|
    it "is what `proxy #{arguments.join(" ")}` leads to, if that is an address" do
      _, err, status = run_command(*arguments)

      expect([err.lines.first, status]).to eq(["#{message}\n", 64])
    end
  end

  it "goes with -b, whose mistakes are told as ever" do
    expect(run_command("start", "--to", "a", "-b", "b")[1]).to start_with('bind: "b" is ')
  end

  %w[start check routes].each do |command|
    it "does not go with -c (#{command})" do
      expect(run_command(command, "--to", "a", "-c", "Proxyfile"))
        .to eq(["", "proxy #{command}: -c and --to exclude each other: leave one of them out\n`proxy " \
                    "help #{command}` says what it takes.\n", 64])
    end
  end
end
