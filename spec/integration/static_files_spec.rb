# frozen_string_literal: true

require "support/integration"
require "support/site_folder"
require "open3"

RSpec.describe "static_files" do
  include SiteFolder

  # A proxy that serves the folder `site`; the block is what stands behind it in the Proxyfile.
  def serve(**options, &behind)
    FileUtils.mkdir_p("#{directory}/site")
    root = "#{directory}/site"
    start_proxy do
      static_files(root: root, **options)
      instance_exec(&behind) if behind
    end
  end

  it "leaves what is not there to the next handler" do
    write("there.txt")
    write("folder/other.txt")
    backend = backend_answering("from the application")
    proxy = serve { proxy backends: [backend.address] }
    expect(proxy.get("/there.txt").body).to eq("there.txt")
    %w[/none.txt / /folder /folder/ /there.txt/ /..%2fsecret].each do |path|
      expect(proxy.get(path).body).to eq("from the application").or(include("400")), path
    end
    expect(proxy.post("/there.txt", "x").body).to eq("from the application")
    expect(backend.requests.map(&:target)).to include("/none.txt", "/folder/")
  end

  it "runs filters once, whichever handler answers" do
    write("there.txt")
    backend = backend_answering("from the application")
    root = "#{directory}/site"
    proxy = start_proxy do
      rate_limit requests: 3, seconds: 60
      response_headers additions: { "X-Seen" => "once" }
      static_files root: root
      proxy backends: [backend.address]
    end
    answers = %w[/there.txt /none /none /none].map { |path| proxy.get(path) }
    expect(answers.map(&:status)).to eq([200, 200, 200, 429])
    expect(answers.first(3).map { |answer| answer.all("X-Seen") }).to eq([["once"]] * 3)
  end

  it "looks for files in the order of try_files" do
    write("about.html")
    write("docs/index.html")
    write("both")
    write("both.html")
    proxy = serve(try_files: ["{path}", "{path}.html", "{path}/index.html"])
    { "/about" => "about.html", "/docs" => "docs/index.html", "/both" => "both", "/both.html" => "both.html" }
      .each { |path, text| expect(proxy.get(path).body).to eq(text), path }
    expect(proxy.get("/none").status).to eq(404)
  end

  it "has paths without a prefix, and of captures" do
    write("a.txt")
    write("ann/notes.txt")
    root = "#{directory}/site"
    proxy = start_proxy do
      location("/files/*") { static_files root: root, try_files: ["{path|strip_prefix:/files}"] }
      location("/users/:user/notes") { static_files root: root, try_files: ["{user}/notes.txt"] }
      location("/agents") { static_files root: root, try_files: ["{User-Agent}"] }
    end
    expect(proxy.get("/files/a.txt").body).to eq("a.txt")
    expect(proxy.get("/users/ann/notes").body).to eq("ann/notes.txt")
    expect(proxy.get("/users/%2e%2e/notes").status).to eq(400).or(eq(404))
    expect(proxy.get("/agents", "User-Agent" => "a.txt").body).to eq("a.txt")
    ["../site/a.txt", "/../../etc/passwd", "..", "a.txt\\", "./../site/a.txt"].each do |name|
      expect(proxy.get("/agents", "User-Agent" => name).status).to eq(404), name
    end
  end

  it "redirects to a folder that has an index, with the query, and to no other site" do
    write("docs/index.html")
    write("bare/a.txt")
    proxy = serve
    expect(proxy.get("/docs?a=b").then { |answer| [answer.status, answer["Location"]] }).to eq([301, "/docs/?a=b"])
    expect(proxy.get("//docs")["Location"]).to eq("/docs/")
    expect(proxy.get("/docs/").body).to eq("docs/index.html")
    expect(proxy.get("/bare").status).to eq(404)
  end

  it "redirects to the path of the client, also after `rewrite`, and not if that has chosen the folder" do
    write("public/dir/index.html")
    root = "#{directory}/site"
    proxy = start_proxy do
      location("/rw/*") do
        rewrite path: "/public{path|strip_prefix:/rw}"
        location("/rw/di*") { static_files root: root }
        static_files root: root
      end
      location("/short/*") do
        rewrite path: "/public/dir"
        static_files root: root
      end
      location("/query/*") do
        rewrite path: "/public{path|strip_prefix:/query}?inner=1"
        static_files root: root, try_files: ["{path}", "/none"]
      end
    end
    told = ->(path) { proxy.get(path).then { |answer| [answer.status, answer["Location"] || answer.body] } }
    expect(told.("/rw/dir?a=b")).to eq([301, "/rw/dir/?a=b"])
    expect(told.("/rw/d%69r")).to eq([301, "/rw/d%69r/"])
    expect(told.("/query/dir?a=b")).to eq([301, "/query/dir/?a=b"])
    ["/rw/dir/", "/short/x", "/short/x/", "/query/dir/"].each do |path|
      expect(told.(path)).to eq([200, "public/dir/index.html"]), path
    end
  end

  it "serves a fallback with 200 if there is nothing else" do
    write("index.html")
    write("app.js")
    proxy = serve(fallback: "index.html", cache_control: { "*.html" => "no-cache", "*" => "public, max-age=60" })
    answer = proxy.get("/users/7")
    expect([answer.status, answer.body, answer["Cache-Control"], answer["Content-Type"]])
      .to eq([200, "index.html", "no-cache", "text/html; charset=utf-8"])
    expect(proxy.get("/app.js")["Cache-Control"]).to eq("public, max-age=60")
  end

  it "leaves other methods to the next handler even with a fallback, and warns of no handler behind it" do
    write("index.html")
    root = "#{directory}/site"
    backend = backend_answering("from the application")
    File.write("#{directory}/Proxyfile", <<~RUBY)
      static_files root: #{root.inspect}, fallback: "index.html"
      proxy backends: [#{backend.address.inspect}]
    RUBY
    expect(Proxy.check("#{directory}/Proxyfile").map(&:to_s)).to eq([])
    proxy = start_proxy(file: "#{directory}/Proxyfile")
    expect([proxy.get("/a").body, proxy.post("/a", "x").body]).to eq(["index.html", "from the application"])
  end

  it "serves compressed forms to those who take them, each with a tag of its own" do
    write("app.js", "the original")
    now = Time.now
    { "zst" => "zstd", "br" => "br", "gz" => "gzip" }.each { |ending, text| write("app.js.#{ending}", text) }
    %w[app.js app.js.zst app.js.br app.js.gz].each { |name| File.utime(now, now, "#{directory}/site/#{name}") }
    client = serve(precompressed: true).connect
    told = lambda do |accept|
      answer = client.get("/app.js", { "Accept-Encoding" => accept }.compact)
      expect([answer["Vary"], answer["Content-Type"]]).to eq(["Accept-Encoding", "text/javascript; charset=utf-8"])
      [answer["Content-Encoding"], answer.body, answer["ETag"]]
    end
    answers = ["gzip, br, zstd", "gzip;q=1, br;q=0.5", "br", nil, "gzip;q=0"].map(&told)
    expect(answers.map(&:first)).to eq(["zstd", "gzip", "br", nil, nil])
    expect(answers.map { |answer| answer[1] }).to eq(["zstd", "gzip", "br", "the original", "the original"])
    expect(answers.map(&:last).uniq.length).to eq(4)
    File.utime(now, now + 10, "#{directory}/site/app.js")
    expect(told.("gzip, br, zstd").first).to be_nil
  end

  it "serves compressed forms even where compress hides from backends what a client accepts" do
    root = File.dirname(write("app.js", "var a;\n" * 1_000))
    now = Time.now
    write("app.js.gz", "gzip")
    %w[app.js app.js.gz].each { |name| File.utime(now, now, "#{root}/#{name}") }
    proxy = start_proxy do
      compress strip_accept_encoding: true
      static_files root: root, precompressed: true
    end
    answer = proxy.get("/app.js", "Accept-Encoding" => "gzip")
    expect([answer["Content-Encoding"], answer.body]).to eq(%w[gzip gzip])
    expect(proxy.get("/app.js", "Accept-Encoding" => "identity").body).to start_with("var a;")
  end

  it "adds headers and types of the configuration" do
    write("scene.gltf")
    write("strange.xyz")
    write("assets/app-0123abcd.css")
    proxy = serve(types: { ".xyz" => "chemical/x-xyz" }, headers: { "X-Content-Type-Options" => "nosniff" },
                  cache_control: { /-\h{8}\.\w+\z/ => "public, max-age=31536000, immutable", "*" => "no-cache" })
    expect(proxy.get("/scene.gltf")["Content-Type"]).to eq("model/gltf+json")
    expect(proxy.get("/strange.xyz").then { |answer| [answer["Content-Type"], answer["X-Content-Type-Options"]] })
      .to eq(["chemical/x-xyz", "nosniff"])
    expect(proxy.get("/assets/app-0123abcd.css")["Cache-Control"]).to end_with("immutable")
    expect(proxy.get("/scene.gltf")["Cache-Control"]).to eq("no-cache")
  end

  it "has headers of the configuration in place of its own" do
    write("page.html")
    own = { "Content-Type" => "text/plain", "ETag" => '"own"', "Cache-Control" => "private", "Vary" => "Cookie" }
    proxy = serve(headers: own, precompressed: true, cache_control: "public")
    answer = proxy.get("/page.html")
    expect(own.keys.to_h { |name| [name, answer.all(name)] })
      .to eq("Content-Type" => ["text/plain"], "ETag" => ['"own"'], "Cache-Control" => ["private"],
             "Vary" => %w[Accept-Encoding Cookie])
    expect(proxy.get("/page.html", "If-None-Match" => '"own"').status).to eq(304)
  end

  it "follows links as far as it may" do
    write("a.txt")
    FileUtils.mkdir_p("#{directory}/shared")
    File.write("#{directory}/shared/upload.txt", "uploaded")
    { "uploads" => "../shared", "inside.txt" => "a.txt", "absolute.txt" => "#{directory}/site/a.txt",
      "absolute_out" => "#{directory}/shared" }.each { |name, to| File.symlink(to, "#{directory}/site/#{name}") }
    paths = %w[/uploads/upload.txt /absolute_out/upload.txt /inside.txt /absolute.txt]
    { true => [200, 200, 200, 200], inside: [404, 404, 200, 200], false => [404, 404, 404, 404] }
      .each do |links, statuses|
        proxy = serve(symlinks: links)
        expect(paths.map { |path| proxy.get(path).status }).to eq(statuses), links.to_s
        expect(proxy.get("/a.txt").status).to eq(200)
      end
  end

  it "sees at once that a link leads to the next release" do
    %w[1 2].each do |release|
      FileUtils.mkdir_p("#{directory}/#{release}/public")
      File.write("#{directory}/#{release}/public/a.txt", release)
    end
    current = "#{directory}/current"
    File.symlink("1", current)
    proxies = [true, :inside, false].map do |links|
      start_proxy { static_files root: "#{current}/public", symlinks: links }
    end
    expect(proxies.map { |proxy| proxy.get("/a.txt").body }).to eq(%w[1 1 1])
    File.symlink("2", "#{current}.new")
    File.rename("#{current}.new", current)
    expect(proxies.map { |proxy| proxy.get("/a.txt").body }).to eq(%w[2 2 2])
  end

  it "hides names with a dot, but for .well-known" do
    write(".env", "SECRET=1")
    write(".git/config", "SECRET=1")
    write(".well-known/security.txt")
    proxy = serve
    expect(%w[/.env /.git/config /%2eenv /.git/ /a/../.env].map { |path| proxy.get(path).status }.uniq).to eq([404])
    expect(proxy.get("/.well-known/security.txt").status).to eq(200)
    expect(serve(dotfiles: true).get("/.env").body).to eq("SECRET=1")
  end

  it "lets nothing out of its folder, however it is spelled", time_limit: 60 do
    File.write("#{directory}/secret", "the secret")
    write("a.txt")
    write("sub/b.txt")
    ups = ["..", "%2e%2e", ".%2e", "%2e.", "%252e%252e", "..;", "..;a=b", "..%00", "..%20", " ..", "...", "....",
           "..\\", "..%5c", "%5c..", "..%c0%af", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%u002e%u002e", "..%ff", "。。",
           "..%0a", "..%09", "..?", "..#", "~", "%7e"]
    slashes = ["/", "%2f", "%5c", "\\", "%252f", "//", "/./", "%2f%2f", ";/", "%c0%af"]
    starts = ["/", "", "/sub/", "//", "/./", "/%2f", "/a.txt/", "/sub/%2e/", "http://x", "http://x/", "/.well-known/"]
    targets = ups.product(slashes, starts).map { |up, slash, start| "#{start}#{up}#{slash}secret" }
    deep = ups.product(slashes).map { |up, slash| "/sub/sub/#{"#{up}#{slash}" * 3}secret" }
    paths = ["#{directory}/secret", "/proc/self/environ", "/%00", "/a.txt%00.html", "/a.txt%00/../../secret",
             "/sub/../../secret", "/sub/..%2f..%2fsecret", "/sub\\..\\..\\secret", "/.//../secret"]
    [true, :inside, false].each do |links|
      proxy = serve(symlinks: links)
      (targets + deep + paths).each do |target|
        socket = TCPSocket.new("127.0.0.1", URI(proxy.url).port)
        socket.write("GET #{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = socket.read
        socket.close
        expect(answer).to match(%r{\AHTTP/1.1 4\d\d }), target
        expect(answer).not_to include("the secret")
      end
    end
  end

  it "does not wait for a pipe" do
    write("a.txt")
    File.mkfifo("#{directory}/site/pipe")
    UNIXServer.new("#{directory}/site/socket").close
    proxy = serve
    expect(%w[/pipe /socket /a.txt].map { |path| proxy.get(path).status }).to eq([404, 404, 200])
  end

  # The pieces of a large file that cannot be held in memory.
  def sparse(name, bytes)
    path = write(name, "")
    File.truncate(path, bytes)
    File.open(path, "r+") do |file|
      file.write("begin")
      file.seek(-3, IO::SEEK_END)
      file.write("end")
    end
    path
  end

  it "serves parts of a file of any size" do
    sparse("large", 10_000_000_000)
    client = serve.connect
    expect(client.request("HEAD", "/large")["Content-Length"]).to eq("10000000000")
    answer = client.get("/large", "Range" => "bytes=-3")
    expect([answer["Content-Range"], answer.body]).to eq(["bytes 9999999997-9999999999/10000000000", "end"])
    answer = client.get("/large", "Range" => "bytes=0-4,9999999995-")
    expect(answer.body).to match(/\r\n\r\nbegin\r\n--.*\r\n\r\n\0\0end\r\n--\h+--\r\n\z/m)
  end

  it "sends large files whole: over HTTP/1.1, HTTP/2, TLS and a unix socket", time_limit: 60 do
    bytes = Random.new(1).bytes(3_000_000)
    File.binwrite(write("large"), bytes)
    root = "#{directory}/site"
    pair = certs.server("app.test")
    proxy = start_proxy(bind: nil) do
      bind "http://127.0.0.1:0"
      bind "https://127.0.0.1:0", cert: pair.certificate_file, key: pair.key_file
      bind "unix://#{root}/../socket"
      static_files root: root
    end
    plain, secure = proxy.server.urls
    digest = Digest::SHA256.hexdigest(bytes)
    [[plain], [plain, "--http2-prior-knowledge"], [secure, "--insecure"], [secure, "--insecure", "--http1.1"],
     ["http://x", "--unix-socket", "#{root}/../socket"]].each do |url, *options|
      body, = Open3.capture2("curl", "--silent", "--max-time", "30", *options, "#{url}/large", binmode: true)
      expect(Digest::SHA256.hexdigest(body)).to eq(digest), [url, options].inspect
      body, = Open3.capture2("curl", "--silent", "--max-time", "30", "--range", "100000-2000000", *options,
                             "#{url}/large", binmode: true)
      expect(body == bytes[100_000..2_000_000]).to be(true), [url, options].inspect
    end
  end

  it "ends the connection if a file becomes shorter while it is sent" do
    path = sparse("large", 200_000_000)
    client = serve.connect
    client.send_request("GET", "/large")
    head = client.io.readpartial(20)
    expect(head).to start_with("HTTP/1.1 200")
    File.truncate(path, 1000)
    rest = client.io.read
    expect(rest.bytesize).to be < 200_000_000
  end

  it "sends the length that it has announced, if a file grows" do
    path = write("log", "1234567890")
    client = serve.connect
    expect(client.get("/log").body).to eq("1234567890")
    File.write(path, "more", mode: "a")
    expect(client.get("/log").body).to eq("1234567890more")
  end

  # A folder whose files wait until `orders` gets a line, and the program behind it.
  def mount_slow_files
    skip "needs root and FUSE" unless Process.uid.zero? && File.exist?("/dev/fuse")
    folder = "#{directory}/slow"
    Dir.mkdir(folder)
    reader, orders = IO.pipe
    program = File.expand_path("../support/slow_files.rb", __dir__)
    disk = started(ChildProcess.new(RbConfig.ruby, program, folder, in: reader))
    skip "FUSE is forbidden" if disk.await_output(/^(?:mounted|forbidden)$/)[0] == "forbidden"
    [folder, disk, orders]
  end

  it "makes nobody wait for a slow file system but those who ask for its files" do
    folder, disk, orders = mount_slow_files
    proxy = start_proxy do
      location("/ok") { static_response body: "ok" }
      static_files root: folder
    end
    slow = proxy.connect
    slow.send_request("GET", "/file")
    %w[open read].each do |step|
      disk.await_output(/^#{step}$/)
      expect(proxy.get("/ok").body).to eq("ok")
      expect(slow.io.wait_readable(0)).to be_nil
      orders.puts "go"
    end
    expect(slow.read_response.body).to eq("slow but sure\n")
  ensure
    system("umount", "--lazy", folder) if folder
  end

  it "leaves threads to others while many wait for a file system that hangs" do
    folder, disk, orders = mount_slow_files
    backend = backend_answering("taken in")
    proxy = start_proxy do
      location("/upload") { proxy backends: [backend.address], request_buffering: true }
      static_files root: folder
    end
    clients = Array.new(600) { proxy.connect.tap { |client| client.send_request("GET", "/file") } }
    disk.await_output(/^open$/)
    expect(proxy.post("/upload", "x" * 2_000_000).body).to eq("taken in")
    clients.each(&:close)
    orders.close
  ensure
    system("umount", "--lazy", folder) if folder
  end

  it "is foretold by proxy routes" do
    write("there.txt")
    File.write("#{directory}/Proxyfile", <<~RUBY)
      static_files root: "site"
      static_response code: 410
    RUBY
    told = lambda do |path, method = "GET"|
      output, = Open3.capture2e(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "routes", method,
                                "http://localhost#{path}", chdir: directory)
      output
    end
    expect(told.("/there.txt")).to match(/static_files .*site$.*200, as the disk has it now/m)
    expect(told.("/none.txt")).to match(/has no such file.*410/m)
    expect(told.("/there.txt", "POST")).to match(/answers GET and HEAD alone.*410/m)
    File.write("#{directory}/Proxyfile", 'static_files root: "site"')
    expect(told.("/there.txt", "POST")).to match(/static_files .*405, as the disk has it now/m)
    expect(told.("/none.txt", "POST")).to match(/404, for no handler takes the request/)
  end
end
