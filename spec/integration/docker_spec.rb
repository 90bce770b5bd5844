# frozen_string_literal: true

require "json"
require "support/integration"

RSpec.describe "examples/docker" do
  folder = File.expand_path("../../examples/docker", __dir__)
  # Its instructions, a line for each.
  instructions =
    File.read("#{folder}/Dockerfile").gsub(/^#.*\n/, "").gsub("\\\n", "").lines(chomp: true).reject(&:empty?)
        .map { |line| line.split(" ", 2) }

  define_method(:instruction) { |name| instructions.select { |word, _| word == name }.map(&:last).last }

  # The words of an instruction in exec form: no shell stands between Docker's signals and the proxy.
  def words(name) = JSON.parse(instruction(name)[/\[.*\]\z/])

  # The command as Docker runs it, on a port that is free.
  def start(proxyfile)
    File.write("#{directory}/Proxyfile", proxyfile.sub("0.0.0.0:8080", "127.0.0.1:0"))
    command = words("ENTRYPOINT") + words("CMD")
    expect(command.first).to eq("proxy")
    @process = ChildProcess
               .new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, *command.drop(1), chdir: directory)
    @process.await_output(%r{http://127\.0\.0\.1:(\d+)})[1]
  end

  after { @process&.stop }

  # Whether it is healthy.
  def healthy?(port)
    system(*words("HEALTHCHECK").map { |word| word.gsub("8080", port) }, out: File::NULL, err: File::NULL)
  end

  it "has a Dockerfile of known instructions that runs without root and ends with the signal that lets requests " \
     "finish" do
    known = %w[FROM RUN WORKDIR COPY USER EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD]
    expect(instructions.map(&:first).uniq - known).to eq([])
    expect(instruction("FROM")).to match(/\Aruby:[\d.]+-slim\z/)
    expect(instruction("USER")).to match(/\A[1-9]\d*:[1-9]\d*\z/)
    expect(instructions.index { |word, _| word == "USER" }).to be > instructions.rindex { |word, _| word == "RUN" }
    expect(instruction("STOPSIGNAL")).to eq("SIGTERM")
  end

  it "copies what stands beside it, and listens where it says" do
    expect(File.exist?("#{folder}/#{instruction("COPY").split.first}")).to be(true)
    expect(File.read("#{folder}/Proxyfile")).to include("0.0.0.0:#{instruction("EXPOSE")}")
    expect(`#{RbConfig.ruby} -I#{ProxyProcess::LIB} #{ProxyProcess::EXE} check -c #{folder}/Proxyfile`)
      .not_to match(/warning|error/)
    expect($?).to be_success
  end

  it "is healthy while the proxy serves, whatever becomes of the application, and then no more" do
    port = start(File.read("#{folder}/Proxyfile").sub("app:3000", refusing_backend.address))
    expect(RawClient.request("http://127.0.0.1:#{port}", "GET", "/").status).to eq(502)
    expect(healthy?(port)).to be(true)
    @process.signal(instruction("STOPSIGNAL").delete_prefix("SIG"))
    expect(@process.wait.exitstatus).to eq(0)
    expect(healthy?(port)).to be(false)
  end

  it "is not healthy if it hangs" do
    port = start(File.read("#{folder}/Proxyfile"))
    expect(healthy?(port)).to be(true)
    @process.signal(:STOP)
    checking = Process
               .spawn(*words("HEALTHCHECK").map { |word| word.gsub("8080", port) }, out: File::NULL, err: File::NULL)
    sleep 0.5
    expect(Process.wait(checking, Process::WNOHANG)).to be_nil # Docker ends it after its timeout.
  ensure
    Process.kill(:KILL, checking) && Process.wait(checking) if checking
  end
end
