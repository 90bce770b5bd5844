# frozen_string_literal: true

require "etc"
require "support/integration"

# A user without rights, without HOME, in folders that belong to somebody else. Root may do everything: the command then
# runs as `nobody`.
RSpec.describe "proxy start as a user without rights" do
  command = [RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE]
  if Process.uid.zero?
    command = ["setpriv", "--reuid=nobody", "--regid=#{Etc.getpwnam("nobody").gid}", "--clear-groups", *command]
  end

  before do
    unless system(*command, "version", unsetenv_others: true, out: File::NULL, err: File::NULL)
      skip "another user than root cannot read this folder"
    end
    Dir.mkdir("#{directory}/tmp")
  end

  after { FileUtils.chmod(0o755, folders) }

  def folders = [directory, "#{directory}/tmp"]

  # Starts the command where nothing can be written. It has no HOME.
  define_method(:start) do |text, *arguments|
    File.write("#{directory}/Proxyfile", text)
    FileUtils.chmod(0o555, folders)
    @command = command
    started(ChildProcess.new({ "PATH" => ENV.fetch("PATH") }, *command, "start", *arguments,
                             chdir: directory, unsetenv_others: true))
  end

  # What is printed, and the exit status, if nothing is started.
  def refused(...)
    process = start(...)
    status = process.wait.exitstatus
    [process.output, status]
  end

  it "answers 403 for a file that it may not read, and says why" do
    FileUtils.mkdir_p("#{directory}/site")
    %w[a b].each { |name| File.write("#{directory}/site/#{name}.txt", name) }
    File.chmod(0, "#{directory}/site/a.txt")
    process = start("bind 'http://127.0.0.1:0'\nstatic_files root: 'site'\n")
    process.await_output(/Ctrl-C/)
    answers = %w[/a.txt /b.txt].map { |path| RawClient.request(process.output[%r{http://\S+}], "GET", path).status }
    expect(answers).to eq([403, 200])
    process.await_output(%r{warn .*GET /a\.txt: static_files: Permission denied})
  end

  it "puts nothing in the place of a file that it may not read" do
    FileUtils.mkdir_p("#{directory}/site/closed")
    files = %w[secret.txt secret.txt.html app.html index.html closed/index.html styles.css styles.css.gz]
    files.each { |name| File.write("#{directory}/site/#{name}", name) }
    File.chmod(0, *%w[secret.txt styles.css.gz].map { |name| "#{directory}/site/#{name}" })
    File.chmod(0o311, "#{directory}/site/closed")
    process = start("bind 'http://127.0.0.1:0'\nstatic_files root: 'site', fallback: 'app.html', " \
                    "precompressed: true, try_files: ['{path}', '{path}.html']\n")
    process.await_output(/Ctrl-C/)
    get = lambda do |path|
      RawClient.request(process.output[%r{http://\S+}], "GET", path, "Accept-Encoding" => "gzip")
               .then { |answer| [answer.status, answer["Location"] || answer.body] }
    end
    expect(get.("/none")).to eq([200, "app.html"])
    expect(get.("/secret.txt").first).to eq(403)
    process.await_output(%r{warn .*GET /secret\.txt: static_files: Permission denied})
    expect(get.("/closed")).to eq([301, "/closed/"])
    expect(get.("/closed/")).to eq([200, "closed/index.html"])
    expect(get.("/styles.css")).to eq([200, "styles.css"])
    process.await_output(%r{warn .*GET /styles\.css: static_files: styles\.css\.gz is passed over: Permission})
  end

  it "serves, says that the state is not kept, and is found by commands" do
    process = start("bind 'http://127.0.0.1:0'\nstate 'tmp/proxy.state'\n" \
                    "static_response body: 'ok'\n")
    process.await_output(/Ctrl-C/)
    expect(RawClient.request(process.output[%r{http://\S+}], "GET", "/").body).to eq("ok")
    process.await_output(%r{warn state: #{directory}/tmp/proxy\.state cannot be written: Permission denied .*: changes at})
    told = IO.popen({ "PATH" => ENV.fetch("PATH") }, [*@command, "status"],
                    chdir: directory, unsetenv_others: true, err: %i[child out], &:read)
    expect(told).to match(/\Aproxy #{Proxy::VERSION}, PID #{process.pid}, up \d+ s: /)
    process.signal(:TERM)
    expect(process.wait.exitstatus).to eq(0)
  end

  {
    "the file of --pid" =>
      ["bind 'http://127.0.0.1:0'\nstatic_response body: 'ok'\n", ["--pid", "tmp/proxy.pid"],
       "--pid %<folder>s/tmp/proxy.pid: it cannot be written (Permission denied): write another path, or give " \
       "yourself the right to\nNothing was started.\n"],
    "a control socket" =>
      ["bind 'http://127.0.0.1:0'\ncontrol 'unix:tmp/c.sock'\nstatic_response body: 'ok'\n", [],
       "Proxyfile:2: control: unix://%<folder>s/tmp/c.sock: permission was denied, since this user cannot write to " \
       "the folder \"%<folder>s/tmp\": let the user that runs the proxy write there, or write a path in a folder of " \
       "its own\nNothing was started.\n"],
    "a unix socket" =>
      ["bind 'unix://%<folder>s/tmp/p.sock'\nstatic_response body: 'ok'\n", [],
       "Proxyfile:1: bind: unix://%<folder>s/tmp/p.sock: permission was denied, since this user cannot write to the " \
       "folder \"%<folder>s/tmp\": let the user that runs the proxy write there, or write a path in a folder of its " \
       "own\nNothing was started.\n"],
    "an access log" =>
      ["bind 'http://127.0.0.1:0'\naccess_log 'combined', to: 'tmp/access.log'\nstatic_response body: 'ok'\n", [],
       "Proxyfile:2: access_log: to: cannot append to \"%<folder>s/tmp/access.log\" (Permission denied (os error " \
       "13)): let the user that runs the proxy write there\nProxyfile has 1 error; nothing was started.\n"]
  }.each do |what, (text, arguments, message)|
    it "says what to do about #{what} that cannot be written" do
      expect(refused(format(text, folder: directory), *arguments)).to eq([format(message, folder: directory), 1])
      expect(Dir.children("#{directory}/tmp")).to eq([])
    end
  end

  it "says what to do about a port that needs a right" do
    first = Integer(File.read("/proc/sys/net/ipv4/ip_unprivileged_port_start"))
    skip "no port needs a right here" if first < 2

    expect(refused("bind 'http://127.0.0.1:#{first - 1}'\nstatic_response body: 'ok'\n"))
      .to match([start_with("Proxyfile:1: bind: http://127.0.0.1:#{first - 1}: permission was denied, since ports " \
                            "below #{first} need a right: with systemd write AmbientCapabilities=CAP_NET_BIND_SERVICE")
        .and(include("lower the sysctl net.ipv4.ip_unprivileged_port_start, or write a port above #{first - 1}."))
        .and(end_with("\nNothing was started.\n")), 1])
  end

  it "says what to do about a socket of another user" do
    socket = UNIXServer.new("#{directory}/tmp/p.sock")
    FileUtils.chmod(0o600, socket.path)
    expect(refused("bind 'unix://#{socket.path}'\nstatic_response body: 'ok'\n"))
      .to eq(["Proxyfile:1: bind: unix://#{socket.path}: permission was denied, since a socket of another user is " \
              "there: remove it, or write another path\nNothing was started.\n", 1])
  ensure
    socket&.close
  end

  it "goes on with an access log that can no longer be opened, and says so" do
    log = "#{directory}/tmp/access.log"
    FileUtils.touch(log)
    FileUtils.chmod(0o666, log)
    process = start("bind 'http://127.0.0.1:0'\naccess_log '{path}', to: '#{log}'\nstatic_response body: 'ok'\n")
    process.await_output(/Ctrl-C/)
    url = process.output[%r{http://\S+}]
    RawClient.request(url, "GET", "/one")
    File.rename(log, "#{log}.1")
    process.signal(:USR1)
    process.await_output(/error the access log stays where it was: cannot append to "#{log}" \(Permission denied .*\): let/)
    expect(RawClient.request(url, "GET", "/two").body).to eq("ok")
    eventually { expect(File.readlines("#{log}.1", chomp: true)).to match_array(%w[/one /two]) }
    process.signal(:HUP)
    process.await_output(/access_log: to: cannot append to .* \(Permission denied/)
    expect(RawClient.request(url, "GET", "/three").body).to eq("ok")
  end
end
