# frozen_string_literal: true

require "support/supervised"
require "support/free_ports"

RSpec.describe "proxy run with Puma", :supervised, time_limit: 40 do
  before do
    File.write("#{directory}/config.ru", <<~RUBY)
      File.read(ENV["GATE"]) if ENV["GATE"]
      run ->(env) { [200, {}, ["\#{env["rack.url_scheme"]} \#{env["HTTP_HOST"]} \#{$$}"]] }
    RUBY
  end

  # A program of the application's own, so that Gemfile.lock says which Puma it is.
  def binstub
    version = Gem::Specification.find_by_name("puma").version
    File.write("#{directory}/Gemfile.lock", "GEM\n  specs:\n    puma (#{version})\n")
    Dir.mkdir("#{directory}/bin")
    File.write("#{directory}/bin/puma", "#!/bin/sh\nexec puma \"$@\"\n", perm: 0o755)
    ["bin/puma"]
  end

  it "listens for Puma on the address of -b, so that a request is accepted before Puma is there" do
    boot = gate("boot")
    start_run(command: ["puma", "-b", "tcp://127.0.0.1:#{port = FreePorts.one}"], env: { "GATE" => boot })
    process.await_output(/Puma starting/)
    early = in_background { get("/", "Host" => "shop.example") }
    direct = TCPSocket.new("127.0.0.1", port)
    open_gate(boot)
    expect(early.value.body).to match(/\Ahttp shop\.example \d+\z/)
    expect(process.await_output(%r{^\* Activated tcp://127\.0\.0\.1:#{port}$})).to be_truthy
    direct.close
  end

  it "gives Puma the socket for `port ENV.fetch(\"PORT\")` in config/puma.rb" do
    Dir.mkdir("#{directory}/config")
    File.write("#{directory}/config/puma.rb", "port ENV.fetch(\"PORT\", 3000)\nthreads 1, 1\n")
    start_run(command: binstub)
    await_ready
    expect(process.output).to match(%r{^\* Activated tcp://(?:0\.0\.0\.0|\[::\]):\d+$})
    expect(get.status).to eq(200)
  end

  it "lets Puma listen by itself where it is not known which Puma it is" do
    start_run(command: ["puma", "-p", FreePorts.one.to_s])
    await_ready
    expect(process.output).to match(%r{^\* Listening on http://})
    expect(get.status).to eq(200)
  end

  it "forwards to the unix socket that config/puma.rb names" do
    Dir.mkdir("#{directory}/config")
    File.write("#{directory}/config/puma.rb", <<~'RUBY')
      bind "unix://#{File.expand_path("app.sock")}"
    RUBY
    start_run("--app", "unix:app.sock", command: ["puma"])
    await_ready
    expect(get("/", "Host" => "shop.example").body).to match(/\Ahttp shop\.example /)
  end

  it "has the socket answer requests that come while Puma was killed and starts again" do
    start_run("--restart", command: ["puma", "-b", "tcp://127.0.0.1:#{FreePorts.one}"])
    await_ready
    3.times do
      before = get.body[/\d+\z/].to_i
      Process.kill(:KILL, before)
      expect(get.status).to eq(200)
    end
  end

  it "restarts Puma's workers on SIGUSR1, which is passed on, while the front goes on" do
    File.write("#{directory}/puma.rb", "workers 1\nthreads 1, 1\npreload_app! false\n")
    start_run(command: ["puma", "-C", "puma.rb", "-b", "tcp://127.0.0.1:#{FreePorts.one}"])
    await_ready
    before = get.body
    process.signal(:USR1)
    process.await_output(/Starting phased worker restart/)
    eventually(limit: 20) { expect(get.body).not_to eq(before) }
    process.signal(:TERM)
    expect(finish(limit: 20)).to eq(143)
  end

  ["tcp://127.0.0.1:PORT", "unix://app.sock"].each do |bind|
    it "is believed by `plugin :proxy` behind #{bind[/\w+/]}, which says that there are two proxies" do
      File.write("#{directory}/Proxyfile", "trusted_proxies \"127.0.0.1\"\n")
      File.write("#{directory}/puma.rb", "plugin :proxy\n")
      File.write("#{directory}/config.ru", <<~RUBY)
        run ->(env) { [200, {}, [env.values_at("HTTP_X_REAL_IP", "rack.url_scheme").join(" ")]] }
      RUBY
      start_run(command: ["puma", "-C", "puma.rb", "-b", bind.sub("PORT", FreePorts.one.to_s)],
                env: { "RUBYLIB" => ProxyProcess::LIB })
      await_ready
      client = { "X-Forwarded-For" => "192.0.2.7", "X-Forwarded-Proto" => "https" }
      expect(get("/", client).body).to eq("192.0.2.7 https")
      process.await_output(/! There are two proxies: `proxy run` has one in front already/)
      process.signal(:TERM)
      expect(finish(limit: 20)).to eq(143)
    end
  end

  it "ends with the 143 of Puma after SIGTERM" do
    start_run(command: ["puma", "-b", "tcp://127.0.0.1:#{FreePorts.one}"])
    await_ready
    process.signal(:TERM)
    expect(finish).to eq(143)
    expect(process.output).to match(/Stopping\..*\n(.*\n)*- Gracefully stopping/)
  end
end
