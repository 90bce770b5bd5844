# frozen_string_literal: true

require "support/integration"

RSpec.describe "the limit of open files" do
  it "is said at the start to be too small for max_connections, with what to do" do
    File.write("#{directory}/Proxyfile", "bind 'http://127.0.0.1:0'\nmax_connections 5_000\nstatic_response body: " \
                                         "'ok'\n")
    command = [RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start"]
    process = ChildProcess.new({}, "sh", "-c", 'ulimit -n 300 && exec "$@"', "sh", *command, chdir: directory)
    expect(process.await_output(/max_connections: 5000 do not fit.*$/)[0])
      .to match(/300 open files are allowed, so that \d+ are served at once: allow \d+ .*, or write max_connections \d+/)
  ensure
    process&.stop
  end
end
