# frozen_string_literal: true

require "support/free_ports"
require "support/hand_over"

# Sockets that systemd opens, shown by its own systemd-socket-activate.
RSpec.describe "LISTEN_FDS" do
  include HandOver

  installed = system("systemd-socket-activate", "--version", out: File::NULL, err: File::NULL)

  before { skip "there is no systemd-socket-activate here" unless installed }

  # Starts the proxy behind the sockets at these addresses. The first connection starts it.
  def activated(addresses, proxyfile, *options, arguments: [])
    File.write("#{directory}/Proxyfile", proxyfile)
    @folder = directory
    listens = addresses.flat_map { |address| ["-l", address] }
    @process = started(ChildProcess.new("systemd-socket-activate", *listens, *options, RbConfig.ruby,
                                        "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start", *arguments,
                                        chdir: directory))
    addresses.each { |address| process.await_output(/Listening on .*#{Regexp.escape(address)}/) }
    @current = process.pid
  end

  def wake(url)
    client = RawClient.connect(url)
    client.send_request("GET", "/", { "Connection" => "close" })
    process.await_output(/Ctrl-C/)
    client.read_response.body
  ensure
    client&.close
  end

  it "serves on them at their addresses, whatever the order, and opens the others" do
    port, other = FreePorts.take(2)
    path = "#{directory}/a.sock"
    activated(["127.0.0.1:#{port}", path], <<~RUBY)
      bind "http://127.0.0.1:#{other}"
      bind "unix://#{path}"
      bind "http://127.0.0.1:#{port}"
      static_response body: "\#{ENV.keys.grep(/LISTEN/).join} ok"
    RUBY
    expect(wake("http://127.0.0.1:#{port}")).to eq(" ok")
    urls = ["http://127.0.0.1:#{other}", "unix://#{path}"]
    expect(urls.map { |url| RawClient.request(url, "GET", "/").body }).to eq([" ok", " ok"])
    kill(:TERM, current)
    expect(process.wait.exitstatus).to eq(0)
    # The file is systemd's.
    expect(File.exist?(path)).to be(true)
  end

  it "keeps them over a new process, and leaves the file to systemd in the end" do
    path = "#{directory}/a.sock"
    activated([path], "bind 'unix://#{path}'\nstatic_response body: 'ok'\n")
    expect(wake("unix://#{path}")).to eq("ok")
    2.times { hand_over }
    expect(first_status).to eq(0)
    expect(RawClient.request("unix://#{path}", "GET", "/").body).to eq("ok")
    kill(:TERM, current)
    eventually(limit: 10) { expect(alive?(current)).to be(false) }
    expect(File.exist?(path)).to be(true)
  end

  it "is where the proxy listens if the configuration says nothing of it" do
    port = FreePorts.one
    activated(["127.0.0.1:#{port}"], "static_response body: 'ok'\n")
    expect(wake("http://127.0.0.1:#{port}")).to eq("ok")
    expect(process.output).to include("listens on\n  http://127.0.0.1:#{port}\n")
    hand_over
    expect(RawClient.request("http://127.0.0.1:#{port}", "GET", "/").body).to eq("ok")
  end

  it "serves every address of IPv4 by a socket for all, as ListenStream=80 opens it" do
    port = FreePorts.one
    activated([port.to_s], "bind 'http://0.0.0.0:#{port}'\nstatic_response body: 'ok'\n")
    expect(wake("http://127.0.0.1:#{port}")).to eq("ok")
    expect(process.output).to include("listens on\n  http://[::]:#{port}\n")
  end

  it "closes what no bind is for, and says so" do
    port, other = FreePorts.take(2)
    activated(["127.0.0.1:#{port}", "127.0.0.1:#{other}"],
              "bind 'http://127.0.0.1:#{port}'\nstatic_response body: 'ok'\n", "--fdname=web:spare")
    expect(wake("http://127.0.0.1:#{port}")).to eq("ok")
    expect(process.output).to include("warning: no bind is for the socket (spare) that was passed and listens at " \
                                      "http://127.0.0.1:#{other}: it is closed; write bind")
  end
end
