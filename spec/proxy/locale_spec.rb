# frozen_string_literal: true

require_relative "proxyfiles"

# LANG is unset under systemd and in containers.
RSpec.describe "a locale that is not UTF-8" do
  include Proxyfiles

  def check_in(folder, *arguments, **environment)
    unset = { "LANG" => nil, "LC_ALL" => nil, "LC_CTYPE" => nil }
    out, status =
      Open3.capture2e({ **unset, **environment.transform_keys(&:to_s) }, *Proxyfiles::COMMAND, *arguments,
                      chdir: folder)
    [out.force_encoding(Encoding::UTF_8), status.exitstatus]
  end

  ["plain", "grö"].product([{}, { LC_ALL: "C" }, { LANG: "POSIX" }]).each do |folder, locale|
    it "is no reason to refuse a name: #{folder} #{locale}" do
      write("#{folder}/pwü", "u:$2y$04$y8jyFUbCpV3SvZoaB4HIsO3f6q5H9dQpd6jgyy1vjMBRm1Cwv7ezS\n")
      write("#{folder}/sites/é.rb", "location('/é') { static_response body: 'é' }\n")
      write("#{folder}/über.rb", "threads 1\n")
      write("#{folder}/pröxy.rb", <<~RUBY)
        auth_basic file: "pwü"
        location("/x") { auth_basic file: ENV.fetch("FILE"), realm: ENV.fetch("REALM") }
        include "sites/*.rb", "über.rb"
        proxy backends: ["unix:tmp/ö.sock"]
      RUBY
      out, status = check_in("#{directory}/#{folder}", "check", "-c", "pröxy.rb", **locale, FILE: "pwü", REALM: "Büro")
      expect([out, status]).to eq(["pröxy.rb is fine: 1 bind, 2 routes\n", 0])
    end
  end

  it "is no reason to end with a backtrace" do
    write("ö/pröxy.rb", "proxy backend: ['ü']\nauth_basic file: 'nö', realm: \"\\xff\"\nraise \"ä\"\n")
    out, status = check_in("#{directory}/ö", "check", "-c", "pröxy.rb", LC_ALL: "C")
    expect(status).to eq(1)
    expect(out.lines.map { |line| line[/\Apröxy\.rb:\d/] }.compact)
      .to eq(%w[pröxy.rb:1 pröxy.rb:2 pröxy.rb:2 pröxy.rb:3])
    write("ö/pröxy.rb", "proxy(\n")
    expect(check_in("#{directory}/ö", "check", "-c", "pröxy.rb", LC_ALL: "C").first)
      .to start_with("pröxy.rb:1: proxy: the ( here is not closed: write its )\n")
  end

  it "does not keep `proxy init` from writing" do
    FileUtils.mkdir_p("#{directory}/ö")
    expect(check_in("#{directory}/ö", "init", "-c", "pröxy.rb", LC_ALL: "C").last).to eq(0)
    expect(check_in("#{directory}/ö", "check", "-c", "pröxy.rb", LC_ALL: "C")).to eq(["pröxy.rb is fine: 1 bind, 1 " \
      "route\n", 0])
  end
end
