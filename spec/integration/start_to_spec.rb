# frozen_string_literal: true

require "support/integration"

RSpec.describe "proxy start --to" do
  # The command in the example's directory, once it listens on a free port.
  def start_to(*addresses, **environment)
    arguments = addresses.flat_map { |address| ["--to", address] }
    process = ChildProcess
              .new(environment.transform_keys(&:to_s), RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE,
                   "start",
                   *arguments, "-b", "http://127.0.0.1:0", chdir: directory)
    (@started ||= []) << process
    [process, process.await_output(%r{http://127\.0\.0\.1:\d+})[0]]
  end

  it "forwards everything with its host, and logs each request, whatever Proxyfile is there" do
    File.write("#{directory}/Proxyfile", "what is this\n")
    backend = start_backend
    process, url = start_to(backend.address)
    expect(RawClient.request(url, "GET", "/a?b=1", { "Host" => "app.example.com:8080" }).status).to eq(200)
    expect([backend.request.target, backend.request["Host"], backend.request["X-Forwarded-Host"]])
      .to eq(["/a?b=1", "app.example.com:8080", "app.example.com:8080"])
    process.await_output(%r{"GET /a\?b=1 HTTP/1\.1" 200})
    expect(process.output).to include("--to #{backend.address}: 1 route.")
  end

  it "takes turns between several, URLs and sockets among them, and goes on after a SIGHUP" do
    backends = [backend_answering("one"), backend_answering("two", unix: "#{directory}/two.sock")]
    process, url = start_to("http://#{backends.first.address}", "unix:two.sock")
    answers = -> { Array.new(2) { RawClient.request(url, "GET", "/").body }.sort }
    expect(answers.call).to eq(%w[one two])
    process.signal(:HUP)
    process.await_output(/Reloaded --to .*: 1 route\./)
    expect(answers.call).to eq(%w[one two])
  end
end
