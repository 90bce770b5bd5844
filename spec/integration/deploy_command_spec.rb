# frozen_string_literal: true

require "json"
require "support/free_ports"
require "support/commanded_proxy"
require "support/integration"
require "proxy/proxyfiles"

RSpec.describe "proxy deploy", time_limit: 60 do
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

  # A backend that answers its health check with a status.
  def application(status, body)
    start_backend do |connection|
      while (request = connection.read_request)
        up = request.target == "/up"
        connection.answer(up ? "" : body, status: up ? status : "200 OK")
      end
    end
  end

  it "replaces the backends, and prints its steps" do
    old, new = application("200 OK", "old"), application("200 OK", "new")
    start("upstream 'app', backends: ['#{old.address}']\nproxy to: 'http://app'")
    out, err, status = run_command("deploy", "app", "--to", new.address, "--rise", "1")

    expect([err, status]).to eq(["", 0])
    expect(out.lines.length).to be > 2
    expect(out.lines.last).to eq("app is served by #{new.address}.\n")
    expect([get.body, states.keys]).to eq(["new", [new.address]])
  end

  it "keeps what is there when it is run again, and drops the others" do
    one, two, three = Array.new(3) { |number| application("200 OK", number.to_s).address }
    start("upstream 'app', backends: ['#{one}']\nproxy to: 'http://app'")

    expect(run_command("deploy", "app", "--to", one, "--rise", "1"))
      .to match([/\A#{one} is checked\n.*^#{one} serves now\n.*^app is served by #{one}\.\n\z/m, "", 0])
    run_command("deploy", "app", "--to", one, two, "--rise", "1")
    expect(states).to eq(one => "ready", two => "ready")
    expect(run_command("deploy", "app", "--to", two, three, "--rise", "1").last).to eq(0)
    expect(states).to eq(two => "ready", three => "ready")
  end

  it "says who serves in the end, others too that were added meanwhile" do
    old, new, added = Array.new(3) { |number| application("200 OK", number.to_s).address }
    start("upstream 'app', backends: ['#{old}']\nproxy to: 'http://app'")
    deploy = in_background { run_command("deploy", "app", "--to", new, "--rise", "20") }
    eventually(limit: 20) { expect(run_command("status").first).to match(/^    a deploy is under way$/) }
    run_command("backends", "add", "app", added)

    expect(deploy.value.first.lines.last).to match(/\Aapp is served by (#{added} and #{new}|#{new} and #{added})\.\n\z/)
  end

  it "is shown while it is under way" do
    start("upstream 'app', backends: ['#{start_backend.address}']\nproxy to: 'http://app'")
    new = refusing_backend.address
    deploy = in_background { run_command("deploy", "app", "--to", new, "--timeout", "50") }

    eventually(limit: 20) { expect(run_command("status").first).to match(/^    a deploy is under way$/) }
    run_command("stop")
    expect(deploy.value.values_at(1, 2))
      .to eq(["proxy deploy: the server is stopping; the backends are as they were\n", 1])
  end

  it "leaves the old ones where the new do not become healthy, and says why" do
    old, broken = application("200 OK", "old"), application("500 Broken", "broken")
    start("upstream 'app', backends: ['#{old.address}']\nproxy to: 'http://app'")
    _, err, status = run_command("deploy", "app", "--to", broken.address, "--timeout", "1")

    expect(status).to eq(1)
    expect(err).to start_with("proxy deploy: ").and include("500")
    expect([get.body, states.keys]).to eq(["old", [old.address]])
    steps = run_command("deploy", "app", "--to", broken.address, "--timeout", "1", "--json").first
    expect(steps.lines.map { |line| JSON.parse(line) })
      .to match([include("step" => "begun"), include("step" => "waiting"), include("error" => /500/)])
  end

  it "starts the application, which goes on when it is done" do
    old, port = application("200 OK", "old"), FreePorts.one
    start("upstream 'app', backends: ['#{old.address}']\nproxy to: 'http://app'")
    out, err, status =
      run_command("deploy", "app", "--to", "127.0.0.1:#{port}", "--command", "#{RbConfig.ruby} #{program(port)}")
    pid = out[/\APID (\d+) has started\. Its output goes to /, 1].to_i

    expect([err, status]).to eq(["", 0])
    expect(get.body).to eq("new")
    expect(Process.kill("KILL", pid)).to eq(1)
  ensure
    FileUtils.rm_f(out[/goes to (\S+)\.$/, 1])
  end

  it "gives up with what the application said if that ends" do
    old, port = application("200 OK", "old"), FreePorts.one
    start("upstream 'app', backends: ['#{old.address}']\nproxy to: 'http://app'")
    out, err, status =
      run_command("deploy", "app", "--to", "127.0.0.1:#{port}", "--command", "echo no database; exit 3")

    expect(status).to eq(1)
    expect(err).to eq("proxy deploy: the command has ended (exit 3)\nno database\n")
    expect(states.keys).to eq([old.address])
  ensure
    FileUtils.rm_f(out[/goes to (\S+)\.$/, 1])
  end

  it "starts nothing for an upstream that is not there" do
    start("static_response body: ''")
    _, err, status = run_command("deploy", "app", "--to", "127.0.0.1:1", "--command", "no-such-command")

    expect(status).to eq(1)
    expect(err).to eq("proxy deploy: there is no upstream \"app\": this proxy has none\n")
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
