# frozen_string_literal: true

require "support/integration"
require "support/rails_application"

# In an application of `rails new --api`, in a folder with a space in its name, with the gem in its Gemfile.
RSpec.describe "rails generate proxy:install", time_limit: 120 do
  before(:all) do
    routes = "Rails.application.routes.draw { get \"whole\", to: ->(env) { [200, {}, [env[\"HTTP_HOST\"]]] } }\n"
    @application = RailsApplication.new("--api", parent: "my applications", files: { "config/routes.rb" => routes })
    File.write(path("Gemfile"), "gem \"proxy\", path: #{File.expand_path("../..", __dir__).dump}\n", mode: "a")
  end

  after(:all) { @application.stop }

  after { %w[Proxyfile bin/proxy Dockerfile bin/docker-entrypoint].each { |name| FileUtils.rm_f(path(name)) } }

  def path(name) = File.join(@application.directory, name)

  def text(name) = File.read(path(name))

  # What the generator says, without indentation.
  def generate(*options) = @application.program("bin/rails", "generate", "proxy:install", *options).gsub(/^ +/, "")

  def destroy(*options) = @application.program("bin/rails", "destroy", "proxy:install", *options).gsub(/^ +/, "")

  # The response of the application, which may still boot.
  def asked(url, fields = {}) = RawClient.connect(url, limit: 60).get("/whole", fields)

  # The container of Rails 7.2.
  def write_container
    File.write(path("Dockerfile"), "FROM ruby\nENTRYPOINT [\"/rails/bin/docker-entrypoint\"]\nEXPOSE 3000\n" \
                                   "CMD [\"./bin/rails\", \"server\"]\n")
    File.write(path("bin/docker-entrypoint"), <<~'SH', perm: 0o755)
      #!/bin/bash -e

      if [ "${1}" == "./bin/rails" ] && [ "${2}" == "server" ]; then
        echo prepared
      fi

      exec "${@}"
    SH
  end

  # The command of the container.
  def command = JSON.parse(text("Dockerfile")[/^CMD (.*)$/, 1])

  it "writes files with which the application starts, as the container starts it" do
    write_container
    expect(generate.lines.first(4)).to match([/create +Proxyfile/, %r{create +bin/proxy}, /update +Dockerfile/,
                                              %r{update +bin/docker-entrypoint}])
    expect(@application.program("bin/proxy", "check")).to start_with("Proxyfile is fine: 1 bind, 1 route")
    expect(command).to eq(%w[./bin/proxy run -b http://0.0.0.0:3000 -- ./bin/rails server])
    url = @application.serve("bin/docker-entrypoint", *command.map { |word| word.sub("0.0.0.0:3000", "127.0.0.1:0") })
    response = asked(url, { "Host" => "shop.example.com" })
    expect([response.status, response.body]).to eq([200, "shop.example.com"])
    @application.terminate
    expect(@application.output).to match(/\Aprepared$/)
  end

  it "changes nothing when it runs again, and takes everything back" do
    write_container
    before = [text("Dockerfile"), text("bin/docker-entrypoint")]
    generate
    after = [text("Dockerfile"), text("bin/docker-entrypoint"), text("Proxyfile"), text("bin/proxy")]
    expect(generate).to start_with("identical  Proxyfile\nidentical  bin/proxy\n").and(not_include("update"))
    expect([text("Dockerfile"), text("bin/docker-entrypoint"), text("Proxyfile"), text("bin/proxy")]).to eq(after)
    destroy
    expect([text("Dockerfile"), text("bin/docker-entrypoint")]).to eq(before)
    expect(%w[Proxyfile bin/proxy].map { |name| File.exist?(path(name)) }).to eq([false, false])
  end

  it "keeps a Proxyfile that is there, and says what it has to say" do
    File.write(path("Proxyfile"), "proxy backends: [\"127.0.0.1:3000\"]\n")
    expect(generate).to include("keep  Proxyfile\n", "Proxyfile: write backends: [:app] where your application stands")
    destroy
    expect(text("Proxyfile")).to eq("proxy backends: [\"127.0.0.1:3000\"]\n")
    expect(generate("--force")).to match(/force +Proxyfile/)
    expect(text("Proxyfile")).to include("proxy backends: [:app],\n")
  end

  it "leaves a container alone that it does not know, and says what to write" do
    File.write(path("Dockerfile"), "FROM ruby\nCMD exec ./start\n")
    expect(generate).to include("Dockerfile: its command is none that is known here: have it start `./bin/proxy run -b")
    expect(text("Dockerfile")).to eq("FROM ruby\nCMD exec ./start\n")
  end

  it "writes a line into config/puma.rb alone, with --puma" do
    before = text("config/puma.rb")
    expect(generate("--puma")).to match(%r{\Aappend +config/puma.rb\nNext: bin/rails server\n\z})
    expect(text("config/puma.rb")).to start_with(before).and(end_with("\nplugin :proxy\n"))
    expect(generate("--puma")).to start_with("identical  config/puma.rb\n")
    response = asked(@application.serve("bin/rails", "server", "-b", "127.0.0.1"))
    expect([response.status, response.body, response["Via"]]).to eq([200, "example.test", "1.1 proxy"])
    @application.terminate
    destroy("--puma")
    expect(text("config/puma.rb")).to eq(before)
    expect(File.exist?(path("Proxyfile"))).to be(false)
  end

  RSpec::Matchers.define_negated_matcher :not_include, :include
end
