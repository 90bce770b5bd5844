# frozen_string_literal: true

require "proxy/cli"
require_relative "proxyfiles"

# Its outputs are StringIOs.
RSpec.describe Proxy::CLI::Help, :wrong_types do
  include Proxyfiles

  def help(*words)
    out = StringIO.new
    err = StringIO.new
    status = Proxy::CLI.run(["help", *words], out: out, err: err)
    [out.string, err.string, status]
  end

  Proxy::DSL::Words.names.uniq.each do |word|
    it "explains #{word}" do
      text, err, status = help(word.to_s)

      expect([err, status]).to eq(["", 0])
      expect(text).to match(/^#{Regexp.escape(word.to_s)}: /)
      expect(text.lines.map { |line| line.chomp.length }).to all(be <= 130)
    end
  end

  it "says of a directive what it takes, an example, and each option with its default" do
    text, = help("rate_limit")

    expect(text).to start_with("rate_limit: Lets a number of requests pass in any span of so many seconds, and\n" \
                               "refuses the rest.\n\nExample:\n")
    expect(text)
      .to include("  rate_limit requests: 100, seconds: 60\n", "  requests:\n", "Must be written.", "  key:\n",
                  "Default: address.")
  end

  it "shows examples that are right" do
    write("tls/site.pem", "")
    write("htpasswd", "ann:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFSpS0bQ2\n")
    %i[rate_limit location host redirect cors rewrite max_body log_requests threads keepalive_timeout upstream]
      .each do |word|
      example = Proxy::DSL::Words.schema(word).examples.first.first.join("\n")
      around = example.match?(/^ *(proxy|redirect|static_response)\b/) ? "" : "proxy to: 'http://127.0.0.1:3000'\n"

      expect(example).not_to be_empty
      expect(problems_of("#{example}\n#{around}").grep_v(/is set twice|it never answers/)).to eq([])
    end
  end

  it "says for which words an option is" do
    text, = help("preserve_host")
    expect(text).to start_with("preserve_host: an option of proxy\n\n  preserve_host:\n").and include("Default: false.")
    expect(help(":preserve_host").first).to eq(text)
  end

  it "leads from words of other systems to ours" do
    expect(help("proxy_pass").first).to eq("proxy_pass is a word of another system. Here: write proxy to:\n" \
                                           "\"http://127.0.0.1:3000\".\n")
    expect(help("stripPrefix").first).to include("strip_prefix: true")
  end

  it "says in a sentence of its own what there is none of" do
    expect(help("sub_filter").first).to eq("sub_filter is a word of another system. Not in this version: changes of " \
                                           "a\nbody; leave it out.\n")
    expect(help("websockets").first).to eq("websockets is a word of another system. WebSockets always work: leave it " \
                                           "out.\n")
  end

  it "leads from commands of other servers to ours" do
    expect(help("restart")).to eq(["There is no command restart. Here: write `proxy reload` for another " \
                                   "configuration, or `proxy upgrade` for a new process.\n", "", 0])
    expect(help("validate").first).to eq("There is no command validate. Here: write `proxy check`.\n")
  end

  Proxy::CLI::COMMANDS.each do |command|
    it "explains the command #{command} with what it takes, and its own --help likewise" do
      out = StringIO.new
      expect(Proxy::CLI.run([command, "--help"], out: out, err: StringIO.new)).to eq(0)

      expect(out.string).to start_with("proxy #{command}")
      # The help of a word of the same name may follow.
      expect(help(command).first).to start_with(out.string)
    end
  end

  it "takes words in any letter case" do
    expect(help("Rate_Limit")).to eq(help("rate_limit"))
  end

  it "names nothing that is far from what was asked for" do
    ["passenger", "404", ""].each do |word|
      expect(help(word)).to eq(["", "proxy help: there is no command and no word #{word.inspect}: `proxy help` lists " \
                                    "the commands and the words\n", 64])
    end
    expect(help("claim")[1]).to include("(did you mean required_claims or claims_to_headers?)")
  end

  it "names what is near to a word that nobody knows" do
    expect(help("wieght")[1]).to eq("proxy help: there is no command and no word \"wieght\" (did you mean weight?)\n")
  end

  {
    %w[validate] => "write `proxy check`", %w[-t] => "write `proxy check`", %w[quit] => "write `proxy stop`",
    %w[stats] => "write `proxy status`",
    %w[rate_limit] => "write `proxy help rate_limit`, it is a word of a Proxyfile"
  }.each do |arguments, answer|
    it "is what `proxy #{arguments.join(" ")}` leads to" do
      err = StringIO.new
      expect(Proxy::CLI.run(arguments, out: StringIO.new, err: err)).to eq(64)
      expect(err.string).to start_with("proxy: there is no command #{arguments.first.inspect}: #{answer}\n")
    end
  end
end
