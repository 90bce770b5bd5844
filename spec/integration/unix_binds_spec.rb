# frozen_string_literal: true

require "support/integration"
require "etc"
require "open3"

RSpec.describe "a unix socket" do
  def start_on(url, **options) = start_proxy(bind: nil) { bind(url, **options) && nil; static_response(body: "ok") }

  def curl(*arguments)
    out, status = Open3.capture2("curl", "-s", "--noproxy", "*", *arguments)
    expect(status).to be_success
    out
  end

  it "has the mode, the owner and the group that were asked for" do
    path = "#{directory}/proxy.sock"
    user = Etc.getpwuid(Process.euid).name
    group = Etc.getgrgid(Process.egid).name
    [
      [{ mode: 0o660 }, ""], [{ mode: "600", owner: user, group: group }, ""], [{}, "?mode=660&owner=#{Process.euid}"]
    ].each do |options, query|
      proxy = start_on("unix://#{path}#{query}", **options)
      stat = File.stat(path)
      wanted = options[:mode] == "600" ? 0o600 : 0o660
      expect([stat.mode & 0o7777, stat.uid, stat.gid]).to eq([wanted, Process.euid, Process.egid])
      expect(proxy.get.body).to eq("ok")
      proxy.server.stop(timeout: 1)
    end
  end

  it "can be given to another user and group by root" do
    skip "this takes root" unless Process.euid.zero?

    start_on("unix://#{directory}/proxy.sock", mode: 0o660, owner: 65_534, group: "daemon")
    stat = File.stat("#{directory}/proxy.sock")
    expect([stat.uid, stat.gid]).to eq([65_534, Etc.getgrnam("daemon").gid])
  end

  it "is what curl --unix-socket speaks to" do
    proxy = start_on("unix://#{directory}/proxy.sock")
    expect(proxy.url).to eq("unix://#{directory}/proxy.sock")
    expect(curl("--unix-socket", "#{directory}/proxy.sock", "http://app.test/")).to eq("ok")
  end

  it "speaks TLS as https+unix" do
    pair = certs.server("app.test")
    proxy = start_on("https+unix://#{directory}/proxy.sock?mode=600", certificate: pair.certificate_file,
                     key: pair.key_file)
    expect(proxy.url).to eq("https+unix://#{directory}/proxy.sock")
    expect(curl("--unix-socket", "#{directory}/proxy.sock", "--cacert", certs.ca_file, "https://app.test/")).to eq("ok")
    expect(File.stat("#{directory}/proxy.sock").mode & 0o7777).to eq(0o600)
  end
end
