# frozen_string_literal: true

require "support/free_ports"
require "support/commanded_proxy"
require "support/integration"
require "proxy/proxyfiles"

RSpec.describe "proxy deploy --command", time_limit: 60 do
  include Proxyfiles
  include CommandedProxy

  # A Ruby program that answers every request at this port with `new`.
  def program(port)
    write("server.rb", <<~RUBY)
      require "socket"
      server = TCPServer.new("127.0.0.1", #{port})
      loop do
        client = server.accept
        client.gets("\\r\\n\\r\\n")
        client.write "HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\nConnection: close\\r\\n\\r\\nnew"
        client.close
      end
    RUBY
  end

  it "leaves the application alone once it serves, whatever ends the command" do
    over, port = Queue.new, FreePorts.one
    old = start_backend { |connection| connection.read_request && over.pop && connection.answer("old") }
    start("upstream 'app', backends: ['#{old.address}']\nproxy to: 'http://app'")
    slow = in_background { get("/slow") }
    old.await_requests(1)
    deploy = started(ChildProcess.new(*Proxyfiles::COMMAND, "deploy", "app", "--to", "127.0.0.1:#{port}", "--command",
                                      "#{RbConfig.ruby} #{program(port)}", chdir: directory))
    pid = deploy.await_output(/^PID (\d+) has started/)[1].to_i
    deploy.await_output(/^127\.0\.0\.1:#{port} serves now/)
    deploy.signal(:INT)

    expect(deploy.wait.exitstatus).to eq(130)
    expect(get.body).to eq("new")
    over << true
    expect(slow.value.body).to eq("old")
    expect(Process.kill("KILL", pid)).to eq(1)
  ensure
    FileUtils.rm_f(deploy.output[/goes to (\S+)\.$/, 1]) if deploy
  end
end
