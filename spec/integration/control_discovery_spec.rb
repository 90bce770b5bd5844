# frozen_string_literal: true

require "json"
require "open3"
require "support/commanded_proxy"
require "support/free_ports"
require "support/integration"
require "proxy/proxyfiles"

RSpec.describe "which proxy a command asks", time_limit: 60 do
  include Proxyfiles
  include CommandedProxy

  let(:token) { "0123456789abcdef" * 2 }

  it "is named by a socket, by a URL with a token, or by the environment" do
    url = "http://127.0.0.1:#{FreePorts.one}"
    start("control '#{url}', token: '#{token}'\ncontrol 'unix:#{directory}/here.sock'\nstatic_response body: ''")
    write("token", "#{token}\n")
    named = [["--socket", "here.sock"], ["--url", url, "--token-file", "token"]].map do |options|
      run_command("status", "--json", *options).last
    end
    by_variable, = Open3.capture2({ "PROXY_CONTROL" => url, "PROXY_CONTROL_TOKEN" => token },
                                  *Proxyfiles::COMMAND, "status", "--json", chdir: "/")

    expect(named).to eq([0, 0])
    expect(JSON.parse(by_variable)["pid"]).to eq(@process.pid)
  end

  it "is not asked with a wrong token" do
    url = "http://127.0.0.1:#{FreePorts.one}"
    start("control '#{url}', token: '#{token}'\nstatic_response body: ''")
    write("token", "another")
    out, err, status = run_command("status", "--url", url, "--token-file", "token")

    expect([out, status]).to eq(["", 1])
    expect(err).to eq("proxy status: the token is missing or wrong: write --token-file FILE, or set " \
                      "PROXY_CONTROL_TOKEN\n")
  end

  it "is not asked with an empty token, and an empty variable is none" do
    start("control 'unix:a.sock'\nstatic_response body: ''")
    write("token", "\n")
    _, err, = run_command("status", "--socket", "a.sock", "--token-file", "token")
    empty = { "PROXY_CONTROL_TOKEN" => "" }
    answered = system(empty, *Proxyfiles::COMMAND, "status", chdir: directory, out: File::NULL)

    expect(err).to start_with("proxy status: the token is empty: write that of the proxy, or none\n")
    expect(answered).to be(true)
  end

  it "is found where the Proxyfile has its control socket" do
    FileUtils.mkdir_p("#{directory}/run")
    start("control 'unix:run/here.sock'\nstatic_response body: ''")

    expect(json("status")[:pid]).to eq(@process.pid)
  end

  it "is found at the address of the Proxyfile, with its token" do
    start("control 'http://127.0.0.1:#{FreePorts.one}', token: '#{token}'\nstatic_response body: ''")

    expect(json("status")[:pid]).to eq(@process.pid)
  end

  it "cannot be asked if the Proxyfile says so" do
    write("Proxyfile", "control false\n")

    expect(run_command("status"))
      .to eq(["", "proxy status: ./Proxyfile says control false, so its proxy cannot be asked: take that out\n", 1])
  end

  it "is not guessed from a Proxyfile that cannot be read here" do
    FileUtils.mkdir_p("#{directory}/tmp")
    write("Proxyfile", "control 'unix:a.sock'\nENV.fetch('A_VARIABLE_OF_THE_PROXY_ALONE')\nexit 3\n")

    expect(run_command("status").values_at(1, 2))
      .to match([start_with("proxy status: no proxy runs for ./Proxyfile ("), 1])
  end
end
