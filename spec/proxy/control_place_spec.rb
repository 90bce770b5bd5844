# frozen_string_literal: true

require "socket"
require "tmpdir"
require "proxy/control/place"

RSpec.describe Proxy::Control::Place do
  around do |example|
    Dir.mktmpdir("place") do |directory|
      @folder = File.realpath(directory)
      before = ENV.fetch("XDG_RUNTIME_DIR", nil)
      ENV["XDG_RUNTIME_DIR"] = File.join(@folder, "session").tap { |path| Dir.mkdir(path, 0o700) }
      example.run
    ensure
      ENV["XDG_RUNTIME_DIR"] = before
    end
  end

  def place(file = "app/Proxyfile") = described_class.new(file, directory: @folder)

  def make(path) = FileUtils.mkdir_p(File.join(@folder, path))

  it "is beside the configuration if there is a folder tmp, which it does not make" do
    make("app/tmp")
    expect(place.choose).to eq("#{@folder}/app/tmp/pids/proxy.sock")
    expect(File.directory?("#{@folder}/app/tmp/pids")).to be(true)
    expect([place("other/Proxyfile").choose, File.exist?("#{@folder}/other")])
      .to match([start_with("#{@folder}/session/proxy/"), false])
  end

  it "is in the folder above config, and named as a file that is not the usual one" do
    make("app/tmp")
    expect(place("app/config/proxy.rb").choose).to eq("#{@folder}/app/tmp/pids/proxy.sock")
    expect(place("app/staging.rb").choose).to eq("#{@folder}/app/tmp/pids/staging.sock")
  end

  it "is the same by whatever path the configuration is named" do
    make("app")
    File.write("#{@folder}/app/Proxyfile", "")
    File.symlink("#{@folder}/app", "#{@folder}/link")
    expect(place("link/../app/./Proxyfile").candidates).to eq(place.candidates)
    expect(place("link/Proxyfile").candidates).to eq(place.candidates)
    expect(place("app/Other").candidates & place.candidates).to eq([])
  end

  it "is for this user alone where others could write" do
    path = place.choose
    expect([File.dirname(path), File.stat(File.dirname(path)).mode & 0o777]).to eq(["#{@folder}/session/proxy", 0o700])
    File.chmod(0o755, File.dirname(path))
    expect(place.choose).to start_with("/tmp/proxy-#{Process.euid}/")
  end

  it "passes over a place whose path is too long for a socket" do
    long = "a" * 100
    make("#{long}/tmp")
    expect(place("#{long}/Proxyfile").choose).to start_with("#{@folder}/session/proxy/")
  end

  it "is found where a server has made it" do
    make("app/tmp")
    expect(place.find).to be_nil
    UNIXServer.open(place.candidates[1].tap { |path| make(File.dirname(path).delete_prefix(@folder)) }) do
      File.chmod(0o700, "#{@folder}/session/proxy")
      expect(place.find).to eq(place.candidates[1])
    end
  end
end
