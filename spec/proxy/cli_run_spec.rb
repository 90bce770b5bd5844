# frozen_string_literal: true

require "proxy/cli"
require "tmpdir"

# Where `proxy run` expects an application, from its command and its files.
RSpec.describe "where the application of proxy run listens" do
  around do |example|
    Dir.mktmpdir { |folder| Dir.chdir(folder) { example.run } }
  end

  before do
    stub_const("ENV", ENV.to_h.reject { |name, _| %w[PORT BINDING APP_ENV RACK_ENV RAILS_ENV].include?(name) })
  end

  puma = Proxy::CLI::Run.const_get(:Puma)

  def write(path, text)
    FileUtils.mkdir_p(File.dirname(path))
    File.write(path, text)
  end

  def lock(version) = write("Gemfile.lock", "GEM\n  specs:\n    puma (#{version})\n")

  # Host (or path), port (nil: what PORT says), and whether it gets a socket.
  define_method(:place) do |command|
    found = puma.new(command.split).place
    found && [found.host || found.path, found.port, found.sole ? true : false]
  end

  {
    "puma -b tcp://127.0.0.1:3000" => ["127.0.0.1", 3000, true],
    "puma --bind=tcp://[::1]:3000" => ["[::1]", 3000, true],
    "bundle exec puma -btcp://127.0.0.1:3000 -t 2:2" => ["127.0.0.1", 3000, true],
    "puma -b tcp://127.0.0.1:3000 -b tcp://127.0.0.1:3001" => ["127.0.0.1", 3000, false],
    "puma -b tcp://localhost:3000" => ["127.0.0.1", 3000, false],
    "puma -b unix:///run/app.sock?umask=0111" => ["/run/app.sock", nil, false],
    "puma --bind-to-activated-sockets only" => ["127.0.0.1", nil, true],
    "puma" => ["0.0.0.0", 9292, false],
    "puma -p 3000" => ["0.0.0.0", 3000, false],
    "puma -C -" => ["0.0.0.0", 9292, false],
    "rackup -p 4000" => ["127.0.0.1", 4000, false],
    "rackup" => ["127.0.0.1", 9292, false],
    "bin/rails server" => ["127.0.0.1", nil, false],
    "rails s -p 3000 -b 0.0.0.0" => ["0.0.0.0", 3000, false],
    "rails console" => nil,
    "node server.js" => nil
  }.each do |command, expected|
    it("is known of `#{command}`") { expect(place(command)).to eq(expected) }
  end

  it "is Puma's default address, with a socket, once Gemfile.lock says which Puma it is" do
    lock("6.6.0")
    expect(place("bundle exec puma -p 3000")).to eq(["0.0.0.0", 3000, true])
    expect(place("puma -p 3000").last).to be(false)
    expect(place("bin/rails server")).to eq(["127.0.0.1", nil, true])
    expect(place("bin/rails server -u webrick").last).to be(false)
  end

  it "is [::] for Puma 8 where Puma finds an IPv6 address" do
    lock("8.0.2")
    ipv6 = Socket.getifaddrs.any? { |interface| interface.addr&.ipv6? && !interface.addr.ipv6_loopback? }
    expect(place("bundle exec puma -p 3000")).to eq([ipv6 ? "[::]" : "0.0.0.0", 3000, true])
  end

  {
    'port ENV.fetch("PORT", 3000)' => ["0.0.0.0", nil, true],
    'port ENV.fetch("PORT") { 3000 }' => ["0.0.0.0", nil, true],
    'port ENV["PORT"] || 3000' => ["0.0.0.0", nil, true],
    "port 4000" => ["0.0.0.0", 4000, true],
    "bind \"tcp://127.0.0.1:\#{ENV.fetch(\"PORT\", 3000)}\"" => ["127.0.0.1", nil, true],
    'bind "tcp://127.0.0.1:4000"' => ["127.0.0.1", 4000, true],
    "bind \"unix:///run/app.sock\"\nport 4000" => ["/run/app.sock", nil, false],
    "bind_to_activated_sockets" => ["127.0.0.1", nil, true],
    "threads 1, 2" => ["0.0.0.0", 9292, true]
  }.each do |config, expected|
    it "is read from #{config.inspect} in config/puma.rb" do
      lock("5.6.5")
      write("config/puma.rb", "#{config}\n")
      expect(place("bundle exec puma")).to eq(expected)
    end
  end

  it "is read from the file that Puma reads" do
    write("config/puma/production.rb", "bind 'tcp://127.0.0.1:4000'\n")
    write("config/puma.rb", "bind 'tcp://127.0.0.1:4001'\n")
    write("other.rb", "bind 'tcp://127.0.0.1:4002'\n")
    ports = ["puma -e production", "puma", "puma -C other.rb"].map { |command| place(command)[1] }
    expect(ports).to eq([4000, 4001, 4002])
  end

  describe "keep-alive" do
    application = Proxy::CLI::Run.const_get(:Application)

    define_method(:keepalive) { |command| application.new(command.split, nil, nil).pool(60.0)["keepalive"] }

    it "is off for Puma before 7" do
      lock("6.6.0")
      expect(["bundle exec puma", "bin/rails server", "bin/serve"].map { |command| keepalive(command) }).to eq([0] * 3)
    end

    it "is the default for Puma 7 and newer, and for anything that is not Puma" do
      lock("7.0.0")
      expect(["bundle exec puma", "bin/serve"].map { |command| keepalive(command) }).to eq([nil, nil])
      File.delete("Gemfile.lock")
      expect(keepalive("node server.js")).to be_nil
    end

    it "is off for a Puma of unknown version" do
      allow(Gem::Specification).to receive(:find_all_by_name).and_return([])
      expect(keepalive("puma")).to eq(0)
    end
  end
end
