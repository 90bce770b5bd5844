# frozen_string_literal: true

require "support/integration"
require "proxy/puma/folder"

RSpec.describe "the folder of plugin :proxy" do
  let(:servers) { [] }

  after { servers.each(&:close) }

  # The folder of a process with this number, with a socket that is listened on or not.
  def folder(number, used:)
    path = File.join(directory, "tmp/sockets/proxy-#{number}")
    FileUtils.mkdir_p(path)
    server = UNIXServer.new("#{path}/puma.sock")
    used ? servers << server : server.close
    path
  end

  def found = Dir.chdir(directory) { Proxy::Puma::Folder.find(nil) }

  it "takes the place of one that a killed process has left, and removes others of that kind" do
    own, other = folder(Process.pid, used: false), folder(2**30, used: false)

    expect(found).to eq(own)
    expect(Dir[File.join(directory, "tmp/sockets/**/*")]).to eq([own])
    expect(File.directory?(other)).to be(false)
  end

  it "leaves those alone that are in use: a process in another container may have the same number" do
    used = [folder(Process.pid, used: true), folder(2**30, used: true)]
    new = File.join(directory, "tmp/sockets/proxy-#{2**29}").tap { |path| Dir.mkdir(path) }
    other = found

    expect([*used, new].map { |path| File.directory?(path) }).to eq([true, true, true])
    expect(used).not_to include(other)
  ensure
    FileUtils.rm_rf(other) if other
  end
end
