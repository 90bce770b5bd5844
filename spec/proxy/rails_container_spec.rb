# frozen_string_literal: true

require "generators/proxy/install/container"
require_relative "proxyfiles"

RSpec.describe "Proxy::Generators::Container" do
  include Proxyfiles

  def container = Proxy::Generators::Container.new(directory)

  # The command of the changed Dockerfile; nil if it stays.
  def command(text)
    write("Dockerfile", text)
    container.changes(:invoke)["Dockerfile"]&.lines&.grep(/^CMD/)&.last&.delete_prefix("CMD ")&.chomp
  end

  {
    "Rails 8, with Thruster" => ["EXPOSE 80\nCMD [\"./bin/thrust\", \"./bin/rails\", \"server\"]\n", 80,
                                 "./bin/rails", "server"],
    "Rails 7" => ["EXPOSE 3000\nCMD [\"./bin/rails\", \"server\"]", 3000, "./bin/rails", "server"],
    "Thruster without EXPOSE" => ["CMD [\"./bin/thrust\",\"bundle\",\"exec\",\"puma\"]\n", 80,
                                  "bundle", "exec", "puma"],
    "Rails without EXPOSE" => ["CMD [\"bin/rails\", \"server\"]  \n", 3000, "bin/rails", "server"],
    "another port" => ["EXPOSE 8080/tcp\nCMD [\"bin/rails\", \"server\"]\n", 8080, "bin/rails", "server"],
    "several stages" => ["CMD [\"irb\"]\nFROM a\nEXPOSE 80\nCMD [\"bin/rails\", \"server\"]\n", 80,
                         "bin/rails", "server"]
  }.each do |name, (text, port, *server)|
    it "changes the command of #{name}" do
      expect(JSON.parse(command(text))).to eq(["./bin/proxy", "run", "-b", "http://0.0.0.0:#{port}", "--", *server])
    end
  end

  [
    "CMD exec ./start\n", "CMD [\"./bin/rails\", \"server\", \"-p\", \"80\"]\n", "CMD [\"./bin/rails\"\n",
    "FROM ruby\n",
    "CMD [\"bin/rails\", \"server\"]\nCMD [\"irb\"]\n", "CMD {\"bin/rails\": 1}\n", ""
  ].each do |text|
    it "leaves #{text.inspect} as it is, and says so" do
      expect(command(text)).to be_nil
      expect(container.remedies).to match([start_with("Dockerfile: its command is none that is known here")])
    end
  end

  it "is content with its own work, and without a Dockerfile" do
    expect([container.changes(:invoke), container.remedies]).to eq([{}, []])
    expect(command("CMD [\"./bin/proxy\", \"run\", \"--\", \"./bin/rails\", \"server\"]\n")).to be_nil
    expect(container.remedies).to eq([])
  end

  {
    'if [ "${1}" == "./bin/rails" ] && [ "${2}" == "server" ]; then' => true,
    'if [ "${*}" == "./bin/rails server" ]; then' => true,
    'if [ "${@: -2:1}" == "./bin/rails" ] && [ "${@: -1:1}" == "server" ]; then' => false
  }.each do |condition, changed|
    it "has the entry point prepare the database where it says #{condition}" do
      script = "#!/bin/bash -e\n#{condition}\n  echo prepared\nfi\n"
      write("bin/docker-entrypoint", script)
      write("Dockerfile", "CMD [\"./bin/rails\", \"server\"]\n")
      changes = container.changes(:invoke)
      expect(changes.key?("bin/docker-entrypoint")).to be(changed)
      changes.each { |name, text| write(name, text) }
      arguments = %w[./bin/proxy run -- ./bin/rails server]
      expect(IO.popen(["bash", "#{directory}/bin/docker-entrypoint", *arguments], &:read)).to eq("prepared\n")
      expect(container.remedies).to eq([])
      container.changes(:revoke).each { |name, text| write(name, text) }
      expect(File.read("#{directory}/bin/docker-entrypoint")).to eq(script)
    end
  end

  it "says so if it does not know how the entry point prepares the database" do
    write("bin/docker-entrypoint", "case $1 in *rails) [ \"$2\" = server ] && bin/rails db:prepare; esac\n")
    write("Dockerfile", "CMD [\"./bin/rails\", \"server\"]\n")
    expect(container.remedies).to match([start_with("bin/docker-entrypoint: see that it prepares the database")])
  end
end
