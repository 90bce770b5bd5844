# frozen_string_literal: true

require "socket"
require "tmpdir"
require "proxy/control/place"

RSpec.describe Proxy::Control::Place do
  around do |example|
    Dir.mktmpdir("place") do |directory|
      @folder = File.realpath(directory)
      before = ENV.to_h
      ENV["XDG_RUNTIME_DIR"] = File.join(@folder, "session").tap { |path| Dir.mkdir(path, 0o700) }
      ENV["RUNTIME_DIRECTORY"] = nil
      example.run
    ensure
      ENV.replace(before)
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
    expect(place.found).to eq([])
    UNIXServer.open(place.candidates[1].tap { |path| make(File.dirname(path).delete_prefix(@folder)) }) do
      File.chmod(0o700, "#{@folder}/session/proxy")
      expect(place.found).to eq([place.candidates[1]])
    end
  end

  # A place whose /run and /tmp are in the folder, with a socket in this folder of it.
  def with_socket(path, mode: 0o755, user: nil)
    make("root/#{path}")
    make("app")
    folder = File.join(@folder, "root", path)
    File.chmod(mode, folder)
    place = described_class.new("app/Proxyfile", directory: @folder, root: "#{@folder}/root")
    socket = File.join(folder, File.basename(place.candidates.last))
    UNIXServer.open(socket) do
      File.chown(user, nil, folder) if user
      yield place, socket
    end
  end

  it "is in the folder that systemd has made for the service, which is found without being told" do
    with_socket("run/proxy") do |place, socket|
      expect(place.found).to eq([socket])
      ENV["RUNTIME_DIRECTORY"] = "#{@folder}/none:#{File.dirname(socket)}"
      expect([place.choose, place.found]).to eq([socket, [socket]])
      File.chmod(0o775, File.dirname(socket))
      expect([place.choose, place.found]).not_to include(socket, [socket])
    end
  end

  it "is not believed to be in a folder for services that others can write" do
    with_socket("run/proxy") do |place, socket|
      File.chmod(0o777, "#{@folder}/root/run")
      expect([place.found, place.doubtful]).to eq([[], [socket]])
    end
  end

  describe "for root" do
    before { skip "only root can do this" unless Process.euid.zero? }

    it "is where the user has it to whom the configuration belongs" do
      %w[tmp/proxy-65534 run/user/65534/proxy].each do |path|
        with_socket(path, mode: 0o700, user: 65_534) do |place, socket|
          expect([place.found, place.doubtful]).to eq([[], [socket]])
          File.chown(65_534, nil, "#{@folder}/app")
          expect([place.found, place.doubtful]).to eq([[socket], []])
          File.chmod(0o770, File.dirname(socket))
          expect(place.found).to eq([])
        end
        File.chown(0, nil, "#{@folder}/app")
        FileUtils.rm_rf("#{@folder}/root")
      end
    end

    it "is not where somebody else has it, and another service's folder is that of somebody else" do
      [["tmp/proxy-65534", 0o700], ["run/other", 0o755]].each do |path, mode|
        with_socket(path, mode: mode, user: 65_534) do |place, socket|
          expect(place.found).to eq([])
          expect(place.doubtful).to include(socket)
        end
        FileUtils.rm_rf("#{@folder}/root")
      end
    end
  end
end
